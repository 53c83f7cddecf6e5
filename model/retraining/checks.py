"""What is asked of a challenger, check by check, on the counts of held-out events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from echocast.model.retraining.config import PromotionCriteria
from echocast.model.retraining.decision import Check
from echocast.model.retraining.paired_forecasts import Contest
from echocast.model.verification.bootstrap import csi_difference
from echocast.model.verification.counts import (
    CHALLENGER,
    CHAMPION,
    PERSISTENCE,
    THRESHOLDS_DBZ,
    Ints,
    csi,
    union,
)

NUMBERS = ("champion", "challenger", "difference", "low", "high")


def paired_blocks(contests: Sequence[Contest], criteria: PromotionCriteria) -> list[Ints]:
    """Of each event (block, 2, threshold, 4): challenger, champion."""
    return [c.tally.blocks((CHALLENGER, CHAMPION), criteria.block_minutes) for c in contests]


def largest_union(pairs: Sequence[Ints]) -> Ints:
    """Pixels per threshold in the larger union of forecast and observed events of the two."""
    largest: Ints = union(np.sum([pair.sum(0) for pair in pairs], 0)).max(0)
    return largest


def finite(contests: Sequence[Contest]) -> Check:
    """Every pixel that can be forecast has a number."""
    unknown = sum(contest.unknown for contest in contests)
    return Check("finite", unknown == 0, f"{unknown} pixels of its forecasts are NaN.")


def golden_input(failure: str) -> Check:
    """The golden input was stood; ``failure`` is empty then."""
    return Check("golden input", not failure, failure or "It stands the golden input.")


def latency(contests: Sequence[Contest], criteria: PromotionCriteria) -> Check:
    """The challenger takes little longer than the champion."""
    seconds = np.concatenate([contest.seconds for contest in contests])
    ratio = float(np.median(seconds[:, 1] / seconds[:, 0]))
    text = (
        f"A nowcast takes {ratio:.2f} times as long as the champion's (median of {len(seconds)}"
        f" pairs, {np.median(seconds[:, 1]):.3f} s); {criteria.latency_ratio:g} is allowed."
    )
    return Check("latency", ratio <= criteria.latency_ratio, text, {"ratio": ratio})


def not_worse(contests: Sequence[Contest], criteria: PromotionCriteria) -> list[Check]:
    """Per threshold: the challenger is not worse than the margin."""
    pairs = paired_blocks(contests, criteria)
    union, numbers = largest_union(pairs), _intervals(pairs)
    checks = []
    for t, threshold in enumerate(THRESHOLDS_DBZ):
        told, name = numbers[t], f"CSI-{threshold:g} not worse"
        text = f"{_told(threshold, told)}; n = {union[t]} pixels."
        if union[t] < criteria.fewest_pixels:
            checks.append(Check(name, None, f"Too few to judge: {text}", told))
        else:
            checks.append(Check(name, _reaches(told["low"], -criteria.worst_csi_loss), text, told))
    return checks


def better(contests: Sequence[Contest], criteria: PromotionCriteria) -> Check:
    """The challenger is better at the threshold that matters."""
    pairs = paired_blocks(contests, criteria)
    told = _intervals(pairs)[THRESHOLDS_DBZ.index(criteria.better_at_dbz)]
    text = f"{_told(criteria.better_at_dbz, told)}; the interval has to lie above 0."
    return Check(
        f"better at {criteria.better_at_dbz:g} dBZ", _reaches(told["low"], 0.0), text, told
    )


def _reaches(low: float | None, limit: float) -> bool:
    """True above the limit; a bound that is undefined shows nothing."""
    return low is not None and low > limit


def _intervals(pairs: Sequence[Ints]) -> list[dict[str, float | None]]:
    """Per threshold the CSI of both, their difference and its 90 % interval."""
    both = csi(np.sum([pair.sum(0) for pair in pairs], 0))
    numbers = dict(zip(NUMBERS, (*both[::-1], *csi_difference(pairs)), strict=True))
    return [
        {name: float(v[t]) if np.isfinite(v[t]) else None for name, v in numbers.items()}
        for t in range(len(THRESHOLDS_DBZ))
    ]


def _told(threshold: float, told: Mapping[str, float | None]) -> str:
    if told["difference"] is None or told["low"] is None or told["high"] is None:
        return f"CSI-{threshold:g} is undefined"
    return (
        f"CSI-{threshold:g} {told['challenger']:.3f} against {told['champion']:.3f}:"
        f" {told['difference']:+.4f} ({told['low']:+.4f} to {told['high']:+.4f})"
    )


def above_persistence(
    contests: Sequence[Contest], criteria: PromotionCriteria, threshold: float
) -> Check:
    """At every lead the challenger beats persistence."""
    name, t = f"above persistence at {threshold:g} dBZ", THRESHOLDS_DBZ.index(threshold)
    leads: dict[float, Any] = {}
    for contest in contests:
        which = [contest.tally.methods.index(method) for method in (CHALLENGER, PERSISTENCE)]
        counts = contest.tally.counts[:, which, t].sum(0)
        for k, minutes in enumerate(contest.tally.lead_minutes):
            leads[minutes] = leads.get(minutes, 0) + counts[:, k]
    told = {m: pair for m, pair in leads.items() if union(pair).min() >= criteria.fewest_pixels}
    below = [minutes for minutes, pair in sorted(told.items()) if not np.diff(csi(pair))[0] < 0]
    if not told:
        return Check(name, None, f"Too few pixels at {threshold:g} dBZ to compare leads.")
    if below:
        at = ", ".join(f"{minutes:g}" for minutes in below)
        return Check(name, False, f"Not above persistence at {threshold:g} dBZ after {at} min.")
    return Check(name, True, f"Above persistence at {threshold:g} dBZ at {len(told)} leads.")
