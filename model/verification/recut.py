"""Forecasts that say yes elsewhere: at equal bias, or from a value that other events chose.

CSI rewards a bias above 1. So methods are compared at a bias as near to 1 as their values allow,
too: probabilities from a probability on, fields from a reflectivity on, one cut a threshold, all
lead times alike. Such a cut is chosen on the very events that it is shown for: it tells what is in
a forecast, not what it would have answered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from echocast.model.verification.calibration import (
    BINS,
    ExceedanceCounts,
    leave_one_out,
)
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import PYSTEPS_SPROG, THRESHOLDS_DBZ
from echocast.model.verification.event_scores import EventScores, cut_dbz

LARGEST_UNEVENNESS = 0.15  # of the bias at the nearest cut, beyond which there is no equal bias


@dataclass(frozen=True)
class Recut:
    """A forecast that says yes from another value on.

    Args:
        at: From which reflectivity (dBZ) or probability on.
        table: What comes of it.
    """

    at: float
    table: ContingencyTable


def at_equal_bias(scores: EventScores, method: str) -> dict[float, Recut | None]:
    """Per threshold the forecast with the frequency bias nearest to 1.

    Args:
        scores: Of an event, or of several together.
        method: Its probabilities where it has any, else its field.

    Returns:
        None where nothing was observed, or no cut comes within 15 % of an equal bias.
    """
    chances = method in scores.probabilistic
    counts = scores.probabilities(method) if chances else scores.cuts(method)
    return {
        threshold: _most_even(counts, t, threshold, chances=chances)
        for t, threshold in enumerate(THRESHOLDS_DBZ)
    }


def _most_even(
    counts: ExceedanceCounts, threshold: int, threshold_dbz: float, *, chances: bool
) -> Recut | None:
    tables = {first: counts.table(threshold, first) for first in range(1, BINS)}
    biases = {first: table.frequency_bias for first, table in tables.items()}
    known = [first for first, bias in biases.items() if math.isfinite(bias) and bias > 0]
    if not known:
        return None
    best = min(known, key=lambda first: abs(math.log(biases[first])))
    if abs(biases[best] - 1) > LARGEST_UNEVENNESS:
        return None
    at = best / BINS if chances else cut_dbz(threshold_dbz, best)
    return Recut(at, tables[best])


def chosen_by_others(events: Sequence[EventScores], method: str) -> dict[str, list[Recut]]:
    """The field of a method, cut per threshold where the other events' mean CSI is best.

    Args:
        events: Two or more, else nothing can be chosen.
        method: One with a field.

    Returns:
        By event, per threshold of ``THRESHOLDS_DBZ``.
    """
    counts = {event.event: event.cuts(method) for event in events}
    if len(counts) < 2:
        return {}
    return {
        name: [
            Recut(
                cut_dbz(threshold, round(share * BINS)), counts[name].table(t, round(share * BINS))
            )
            for t, (threshold, share) in enumerate(zip(THRESHOLDS_DBZ, shares, strict=True))
        ]
        for name, shares in leave_one_out(counts).items()
    }


def decoded_sprog(events: Sequence[EventScores]) -> dict[str, list[Recut]]:
    """S-PROG with the cuts that the other events chose; nothing where that cannot be."""
    return chosen_by_others(events, PYSTEPS_SPROG) if PYSTEPS_SPROG in events[0].methods else {}


def summed(recuts: Mapping[str, Sequence[Recut]]) -> list[ContingencyTable]:
    """The tables of all events together, per threshold."""
    by_threshold = zip(*recuts.values(), strict=True)
    return [sum((one.table for one in row), start=ContingencyTable()) for row in by_threshold]
