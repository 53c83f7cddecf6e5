"""The checks of a challenger, one by one, on the counts of held-out events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from echocast.model.retraining.config import PromotionCriteria
from echocast.model.retraining.paired_forecasts import PairedForecasts
from echocast.model.retraining.verdict import Check
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


def paired_blocks(paired: Sequence[PairedForecasts], criteria: PromotionCriteria) -> list[Ints]:
    """Of each event (block, 2, threshold, 4): challenger, champion."""
    methods = CHALLENGER, CHAMPION
    return [event.scores.blocks(methods, criteria.block_minutes) for event in paired]


def largest_union(pairs: Sequence[Ints]) -> Ints:
    """Pixels per threshold in the larger union of forecast and observed events of the two."""
    largest: Ints = union(np.sum([pair.sum(0) for pair in pairs], 0)).max(0)
    return largest


def finite(paired: Sequence[PairedForecasts]) -> Check:
    """Every pixel that can be forecast has a number."""
    unknown = sum(event.unknown for event in paired)
    return Check("finite", unknown == 0, f"{unknown} pixels of its forecasts are NaN.")


def golden_input(failure: str) -> Check:
    """The answer to the golden input is right; ``failure`` is empty then."""
    return Check("golden input", not failure, failure or "It passes the golden input.")


def latency(paired: Sequence[PairedForecasts], criteria: PromotionCriteria) -> Check:
    """The challenger takes little longer than the champion."""
    seconds = np.concatenate([event.seconds for event in paired])
    ratio = float(np.median(seconds[:, 1] / seconds[:, 0]))
    text = (
        f"A nowcast takes {ratio:.2f} times as long as the champion's (median of {len(seconds)}"
        f" pairs, {np.median(seconds[:, 1]):.3f} s); {criteria.latency_ratio:g} is allowed."
    )
    return Check("latency", ratio <= criteria.latency_ratio, text, {"ratio": ratio})


def not_worse(paired: Sequence[PairedForecasts], criteria: PromotionCriteria) -> list[Check]:
    """Per threshold: the challenger is not worse than the margin."""
    pairs = paired_blocks(paired, criteria)
    union, numbers = largest_union(pairs), _intervals(pairs)
    checks = []
    for t, threshold in enumerate(THRESHOLDS_DBZ):
        name, text = f"CSI-{threshold:g} not worse", _sentence(threshold, numbers[t])
        text = f"{text}; n = {union[t]} pixels."
        if union[t] < criteria.fewest_pixels:
            checks.append(Check(name, None, f"Too few to judge: {text}", numbers[t]))
        else:
            passed = _exceeds(numbers[t]["low"], -criteria.worst_csi_loss)
            checks.append(Check(name, passed, text, numbers[t]))
    return checks


def better(paired: Sequence[PairedForecasts], criteria: PromotionCriteria) -> Check:
    """The challenger is better at the threshold that matters."""
    pairs = paired_blocks(paired, criteria)
    dbz = criteria.better_at_dbz
    numbers = _intervals(pairs)[THRESHOLDS_DBZ.index(dbz)]
    text = f"{_sentence(dbz, numbers)}; the interval has to lie above 0."
    return Check(f"better at {dbz:g} dBZ", _exceeds(numbers["low"], 0.0), text, numbers)


def _exceeds(low: float | None, limit: float) -> bool:
    """True above the limit; an undefined bound shows nothing."""
    return low is not None and low > limit


def _intervals(pairs: Sequence[Ints]) -> list[dict[str, float | None]]:
    """Per threshold the CSI of both, their difference and its 90 % interval."""
    both = csi(np.sum([pair.sum(0) for pair in pairs], 0))
    numbers = dict(zip(NUMBERS, (*both[::-1], *csi_difference(pairs)), strict=True))
    return [
        {name: float(v[t]) if np.isfinite(v[t]) else None for name, v in numbers.items()}
        for t in range(len(THRESHOLDS_DBZ))
    ]


def _sentence(threshold: float, numbers: Mapping[str, float | None]) -> str:
    if numbers["difference"] is None or numbers["low"] is None or numbers["high"] is None:
        return f"CSI-{threshold:g} is undefined"
    return (
        f"CSI-{threshold:g} {numbers['challenger']:.3f} against {numbers['champion']:.3f}:"
        f" {numbers['difference']:+.4f} ({numbers['low']:+.4f} to {numbers['high']:+.4f})"
    )


def above_persistence(
    paired: Sequence[PairedForecasts], criteria: PromotionCriteria, threshold: float
) -> Check:
    """At every lead the challenger beats persistence."""
    name, t = f"above persistence at {threshold:g} dBZ", THRESHOLDS_DBZ.index(threshold)
    leads: dict[float, Any] = {}
    for event in paired:
        which = [event.scores.methods.index(method) for method in (CHALLENGER, PERSISTENCE)]
        counts = event.scores.counts[:, which, t].sum(0)
        for k, minutes in enumerate(event.scores.lead_minutes):
            leads[minutes] = leads.get(minutes, 0) + counts[:, k]
    judged = {m: pair for m, pair in leads.items() if union(pair).min() >= criteria.fewest_pixels}
    below = [minutes for minutes, pair in sorted(judged.items()) if not np.diff(csi(pair))[0] < 0]
    if not judged:
        return Check(name, None, f"Too few pixels at {threshold:g} dBZ to compare leads.")
    if below:
        at = ", ".join(f"{minutes:g}" for minutes in below)
        return Check(name, False, f"Not above persistence at {threshold:g} dBZ after {at} min.")
    return Check(name, True, f"Above persistence at {threshold:g} dBZ at {len(judged)} leads.")
