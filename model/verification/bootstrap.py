"""How sure a difference of scores is: events drawn anew, and blocks of time within them.

Neighbouring forecasts share their weather, so the hour is what is drawn, never the pixel; and a
drawn hour brings the counts of all methods along (paired). With few events the interval tells of
the hours within them more than of other weather.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from echocast.model.verification.event_scores import EventTally

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

RESAMPLES = 1000
LOW, HIGH = 5.0, 95.0  # percentiles: the bounds of the 90 % interval


def blocks(tally: EventTally, methods: Sequence[str], minutes: float) -> Ints:
    """Counts of blocks of start times, leads together.

    Returns:
        (block, method, threshold, 3): hits, misses, false alarms.
    """
    which = [tally.methods.index(method) for method in methods]
    counts = tally.counts[:, which].sum(3)
    block = (np.array(tally.start_minutes) // minutes).astype(int)
    return np.stack([counts[block == number].sum(0) for number in sorted(set(block.tolist()))])


def resampled(events: Sequence[Ints], seed: int = 0) -> Ints:
    """Sums of as many events as there are, drawn with replacement, and so their blocks.

    Args:
        events: Of each, (block, ...).
        seed: Of the draw.

    Returns:
        (1000, ...).
    """
    random = np.random.default_rng(seed)
    drawn = random.integers(len(events), size=(RESAMPLES, len(events)))
    total = np.zeros((RESAMPLES, *events[0].shape[1:]), np.int64)
    for slot in drawn.T:
        for number, counts in enumerate(events):
            mine = np.flatnonzero(slot == number)
            picks = random.integers(len(counts), size=(len(mine), len(counts)))
            total[mine] += counts[picks].sum(1)
    return total


def csi(counts: Ints) -> Floats:
    """Critical success index of (..., 3) counts; NaN where no event was forecast or observed."""
    union = counts.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(union > 0, counts[..., 0] / union, np.nan)


def interval(values: Floats) -> tuple[float, float]:
    """The 90 % interval of resampled values; NaN where none is defined."""
    if not np.isfinite(values).any():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(values, [LOW, HIGH])
    return float(low), float(high)
