"""Statistics of a frame itself: missing pixels and how often each intensity occurs.

The population stability index compares two histograms, sum of (p - q) ln(p / q) over the classes:
0 where they are equal, above .2 where the input has changed (radar recalibrated, clutter filter,
another product), and on stormy days after dry ones too.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from echocast.model.frames import unmasked
from echocast.model.grid import FloatArray
from echocast.model.verification.counts import Counts

OBSERVED = "observed"  # in place of the id of a forecast
HISTOGRAM, PIXELS = "histogram|dbz", "pixels|missing"
EDGES_DBZ = tuple(range(5, 65, 5))  # below 5 dBZ is one class, from 60 dBZ on another
SMALLEST_SHARE = 1e-4  # an empty class counts as this share


def describe(observed_dbz: FloatArray) -> Counts:
    """Counts of a frame, (height, width) in dBZ, NaN or masked where missing."""
    observed_dbz = unmasked(observed_dbz)
    valid = int(np.count_nonzero(np.isfinite(observed_dbz)))
    with np.errstate(invalid="ignore"):
        at_least = [int(np.count_nonzero(observed_dbz >= edge)) for edge in EDGES_DBZ]
    return {
        HISTOGRAM: [more - fewer for more, fewer in pairwise([valid, *at_least, 0])],
        PIXELS: [observed_dbz.size, observed_dbz.size - valid],
    }


def stability_index(now: Sequence[float], before: Sequence[float]) -> float | None:
    """Population stability index of two histograms; None where one of them is empty.

    sum of (p - q) ln(p / q) over the classes' shares. Range 0 to infinity, 0 where they are equal.
    """
    if not sum(now) or not sum(before):
        return None
    p, q = (np.maximum(np.asarray(h) / sum(h), SMALLEST_SHARE) for h in (now, before))
    return float(np.sum((p - q) * np.log(p / q)))


def percentile_dbz(histogram: Sequence[float]) -> float | None:
    """Reflectivity that 95 % of the pixels with echo do not reach; None without echo.

    Interpolated within classes of 5 dB from 5 dBZ on.
    """
    wet = np.asarray(histogram[1:], dtype=float)
    if not wet.sum():
        return None
    reached = np.concatenate([[0.0], np.cumsum(wet) / wet.sum()])
    edges = [*EDGES_DBZ, EDGES_DBZ[-1] + 5]
    return float(np.interp(0.95, reached, edges))
