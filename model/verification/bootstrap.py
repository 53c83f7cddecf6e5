"""Bootstrap: how sure a difference of scores is, from events and blocks of time drawn anew.

Neighbouring forecasts share their weather, so blocks of time are drawn, never pixels; and a drawn
block brings the counts of both methods along (paired). With few events the interval describes the
hours within them more than other weather.

Reference: Efron and Tibshirani, An Introduction to the Bootstrap, 1993 (percentile intervals).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from echocast.model.verification.counts import Floats, Ints, csi

RESAMPLES = 1000


def csi_difference(events: Sequence[Ints], level: float = 90.0) -> tuple[Floats, Floats, Floats]:
    """CSI of one method minus that of another, with its interval.

    Range -1..1, 0 where both are equal, positive where the first is better; NaN where the CSI of
    one of them is undefined.

    Args:
        events: Of each event (block, 2, ..., 3) or (block, 2, ..., 4), counts of both methods:
            hits, misses, false alarms, maybe correct negatives.
        level: How much of the resampled differences the interval holds, in percent.

    Returns:
        The difference over all events, and the lower and upper bound of its interval, each (...).
    """
    first, second = csi(np.sum([counts.sum(0) for counts in events], 0))
    drawn = csi(resampled(events))
    low, high = interval(drawn[:, 0] - drawn[:, 1], level)
    return first - second, low, high


def resampled(events: Sequence[Ints]) -> Ints:
    """Sums of as many events as there are, drawn with replacement, and so their blocks.

    Args:
        events: Of each, (block, ...).

    Returns:
        (1000, ...).
    """
    random = np.random.default_rng(0)
    drawn = random.integers(len(events), size=(RESAMPLES, len(events)))
    total = np.zeros((RESAMPLES, *events[0].shape[1:]), np.int64)
    for slot in drawn.T:
        for number, counts in enumerate(events):
            mine = np.flatnonzero(slot == number)
            picks = random.integers(len(counts), size=(len(mine), len(counts)))
            total[mine] += counts[picks].sum(1)
    return total


def interval(values: Floats, level: float = 90.0) -> tuple[Floats, Floats]:
    """The percentile interval of resampled values.

    Args:
        values: (draw, ...); undefined ones are NaN and left out.
        level: How much of the values it holds, in percent.

    Returns:
        Lower and upper bound, each (...); NaN where no value is defined.
    """
    defined, tail = np.isfinite(values).any(0), (100 - level) / 2
    bounds = np.nanpercentile(np.where(defined, values, 0.0), [tail, 100 - tail], axis=0)
    low, high = np.where(defined, bounds, np.nan)
    return low, high
