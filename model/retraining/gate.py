"""Selection: whether a challenger takes the champion's place, and on what evidence.

A challenger is promoted when it is shown to be better where it matters, and nowhere worse than a
margin; it is rejected when that is not shown; and nothing is said where the held-out weather is too
little to show anything. Differences are paired: both forecast the same frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

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
from echocast.model.retraining.decision import Check, Decision
from echocast.model.retraining.paired_forecasts import Contest, Window, compete
from echocast.model.verification.counts import THRESHOLDS_DBZ


def judge(
    champion: Nowcaster,
    challenger: Nowcaster,
    events: Mapping[str, Callable[[], Iterable[Window]]],
    criteria: PromotionCriteria,
) -> Decision:
    """Let both forecast held-out events, and decide.

    Args:
        champion: The model that serves.
        challenger: The model that may.
        events: Windows of each held-out event, by its name.
        criteria: What the challenger has to show.
    """
    contests = [compete(champion, challenger, name, windows()) for name, windows in events.items()]
    return decide(contests, criteria, golden_failure(challenger))


def golden_failure(challenger: Nowcaster) -> str:
    """How the challenger fails the golden input; empty where it stands it."""
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
) -> Decision:
    """Nothing can be said: so much is missing of what is needed."""
    lacking = ", ".join(
        f"{count} of {needed[what]} {what.replace('_', ' ')}"
        + (f" ({MEANING[what]})" if what in MEANING else "")
        for what, count in missing.items()
    )
    why = f"Missing: {lacking}. {ADVICE}"
    return Decision("insufficient evidence", why, sample=sample, missing=missing)


def rejected(name: str, text: str) -> Decision:
    """A challenger that never came to be judged."""
    return Decision("reject", text, (Check(name, False, text),))


def decide(
    contests: Sequence[Contest], criteria: PromotionCriteria, golden_failure: str = ""
) -> Decision:
    """The verdict on what held-out events said.

    Args:
        contests: At least one.
        criteria: What the challenger has to show.
        golden_failure: How it fails the golden input; empty where it stands it.
    """
    sound = [finite(contests), golden_input(golden_failure), latency(contests, criteria)]
    skill = [*not_worse(contests, criteria), better(contests, criteria)]
    skill += [
        above_persistence(contests, criteria, threshold) for threshold in criteria.persistence_dbz
    ]
    checks, sample = (*sound, *skill), _sample(contests, criteria)
    floors = _floors(criteria)
    missing = {w: floor - sample[w] for w, floor in floors.items() if sample[w] < floor}
    failed = [check for check in sound if check.passed is False]
    if missing and not failed:
        decision = insufficient(missing, floors, sample)
        return Decision(decision.verdict, decision.why, checks, sample, missing)
    failed = [check for check in checks if check.passed is False]
    if failed:
        return Decision("reject", " ".join(check.text for check in failed), checks, sample)
    return Decision("promote", better(contests, criteria).text, checks, sample)


def _sample(contests: Sequence[Contest], criteria: PromotionCriteria) -> dict[str, int]:
    pairs = paired_blocks(contests, criteria)
    heavy = THRESHOLDS_DBZ.index(criteria.better_at_dbz)
    return {
        "events": len(contests),
        "blocks": sum(len(pair) for pair in pairs),
        "storms": sum(contest.storms for contest in contests),
        "starts": sum(len(contest.tally.starts) for contest in contests),
        f"pixels_at_{criteria.better_at_dbz:g}_dBZ": int(largest_union(pairs)[heavy]),
    }


def _floors(criteria: PromotionCriteria) -> dict[str, int]:
    return {
        "events": criteria.fewest_events,
        "blocks": criteria.fewest_blocks,
        "storms": criteria.fewest_storms,
        f"pixels_at_{criteria.better_at_dbz:g}_dBZ": criteria.fewest_pixels,
    }
