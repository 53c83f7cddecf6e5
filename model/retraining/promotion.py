"""Promotion: whether a challenger replaces the champion, and on what evidence.

A challenger is promoted when it is shown to be better where it matters, and nowhere worse than a
margin; it is rejected when that is not shown; and there is insufficient evidence where the held-out
weather is too little to show anything. Differences are paired: both forecast the same frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from echocast.model.acceptance import lawful_answer
from echocast.model.errors import CheckpointError
from echocast.model.nowcaster import Nowcaster
from echocast.model.retraining.checks import (
    above_persistence,
    better,
    finite,
    golden_input,
    largest_union,
    latency,
    not_worse,
    paired_blocks,
)
from echocast.model.retraining.config import PromotionCriteria
from echocast.model.retraining.paired_forecasts import ForecastCase, PairedForecasts, evaluate_pair
from echocast.model.retraining.verdict import Check, Verdict
from echocast.model.verification.counts import THRESHOLDS_DBZ


def judge(
    champion: Nowcaster,
    challenger: Nowcaster,
    events: Mapping[str, Callable[[], Iterable[ForecastCase]]],
    criteria: PromotionCriteria,
) -> Verdict:
    """Let both forecast held-out events, and decide.

    Args:
        champion: The model that serves.
        challenger: The model that may.
        events: Forecast cases of each held-out event, by its name.
        criteria: What the challenger has to show.
    """
    paired = [evaluate_pair(champion, challenger, name, cases()) for name, cases in events.items()]
    return decide(paired, criteria, golden_failure(challenger))


def golden_failure(challenger: Nowcaster) -> str:
    """How the challenger fails the golden input; empty where it passes."""
    try:
        lawful_answer(challenger)
    except CheckpointError as error:
        return str(error)
    return ""


MEANING = {
    "blocks": "of start times",
    "storms": "cores of 40 dBZ, counted each hour",
    "events": "held out",
}
ADVICE = (
    "Let the archive grow before you retrain again, in a new work folder; the same frames get the"
    " same answer."
)


def insufficient(
    missing: Mapping[str, int], needed: Mapping[str, int], sample: Mapping[str, int]
) -> Verdict:
    """Insufficient evidence: so much is missing of what is needed."""
    lacking = ", ".join(
        f"{count} of {needed[what]} {what.replace('_', ' ')}"
        + (f" ({MEANING[what]})" if what in MEANING else "")
        for what, count in missing.items()
    )
    why = f"Missing: {lacking}. {ADVICE}"
    return Verdict("insufficient evidence", why, sample=sample, missing=missing)


def rejected(name: str, text: str) -> Verdict:
    """The verdict on a challenger that can't be judged."""
    return Verdict("reject", text, (Check(name, False, text),))


def decide(
    paired: Sequence[PairedForecasts], criteria: PromotionCriteria, golden_failure: str = ""
) -> Verdict:
    """The verdict on held-out events.

    Args:
        paired: Of at least one event.
        criteria: What the challenger has to show.
        golden_failure: How it fails the golden input; empty where it passes.
    """
    fit_to_serve = [finite(paired), golden_input(golden_failure), latency(paired, criteria)]
    improvement = better(paired, criteria)
    skill = [*not_worse(paired, criteria), improvement]
    skill += [above_persistence(paired, criteria, dbz) for dbz in criteria.persistence_dbz]
    checks, sample = (*fit_to_serve, *skill), _sample(paired, criteria)
    needed = _needed_sample(criteria)
    missing = {what: n - sample[what] for what, n in needed.items() if sample[what] < n}
    if missing and not _failed(fit_to_serve):
        return replace(insufficient(missing, needed, sample), checks=checks)
    if failed := _failed(checks):
        return Verdict("reject", " ".join(check.text for check in failed), checks, sample)
    return Verdict("promote", improvement.text, checks, sample)


def _failed(checks: Iterable[Check]) -> list[Check]:
    return [check for check in checks if check.passed is False]


def _sample(paired: Sequence[PairedForecasts], criteria: PromotionCriteria) -> dict[str, int]:
    pairs = paired_blocks(paired, criteria)
    heavy = THRESHOLDS_DBZ.index(criteria.better_at_dbz)
    return {
        "events": len(paired),
        "blocks": sum(len(pair) for pair in pairs),
        "storms": sum(event.storms for event in paired),
        "starts": sum(len(event.scores.starts) for event in paired),
        f"pixels_at_{criteria.better_at_dbz:g}_dBZ": int(largest_union(pairs)[heavy]),
    }


def _needed_sample(criteria: PromotionCriteria) -> dict[str, int]:
    return {
        "events": criteria.fewest_events,
        "blocks": criteria.fewest_blocks,
        "storms": criteria.fewest_storms,
        f"pixels_at_{criteria.better_at_dbz:g}_dBZ": criteria.fewest_pixels,
    }
