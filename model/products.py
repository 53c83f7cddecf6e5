"""Three products of one forecast: what to expect, where to warn, what it will look like.

* ``expected``: the network's reflectivity; least squared error, smooth at long leads.
* ``csi_optimal``: the same, raised or lowered into the band that the exceedance probabilities
  demand. The critical success index is best where "yes" is said from a probability well below one
  half on: CSI*/(1 + CSI*) for an attainable CSI* (CSI is monotone in F1, whose best cut is F*/2).
* ``sharp``: the ranks of the expected field with the intensities of the newest observed frame
  (probability matching, Ebert, WAF 2001); for looking at, not for scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.extrapolation import FloatArray

JUST_BELOW_DB = 0.05  # a pixel lowered out of a band ends this far below its threshold
JUST_ABOVE_DB = 0.05  # one raised into a band ends this far above; files round to 0.01 dB


def csi_optimal(
    expected_dbz: FloatArray,
    exceedance_probability: NDArray[np.floating[Any]],
    thresholds_dbz: Sequence[float],
    cuts: Sequence[float],
) -> FloatArray:
    """Reflectivity whose exceedance of each threshold is a decision on its probability.

    A pixel says yes to a threshold where the probability reaches the cut and it says yes to all
    thresholds below. Between the last yes and the first no its expected value is kept.

    Args:
        expected_dbz: Any shape, in dBZ, NaN where missing.
        exceedance_probability: (threshold, *shape), NaN where missing.
        thresholds_dbz: Increasing thresholds.
        cuts: One probability per threshold, 0..1.

    Returns:
        Reflectivity in dBZ, shaped like ``expected_dbz``.
    """
    decided = expected_dbz.copy()
    yes = np.ones(expected_dbz.shape, bool)
    for threshold, cut, probability in zip(
        thresholds_dbz, cuts, exceedance_probability, strict=True
    ):
        yes_before, yes = yes, yes & (probability >= cut)
        low = np.float32(threshold + JUST_ABOVE_DB)
        high = np.float32(threshold - JUST_BELOW_DB)
        np.maximum(decided, low, out=decided, where=yes)
        np.minimum(decided, high, out=decided, where=yes_before & ~yes)
    return decided


def sharp(expected_dbz: FloatArray, newest_dbz: FloatArray) -> FloatArray:
    """One frame with the intensities of another, in the order of its own.

    Args:
        expected_dbz: (height, width) in dBZ, NaN where missing.
        newest_dbz: Like ``expected_dbz``: the newest observed frame.

    Returns:
        (height, width) in dBZ; missing where ``expected_dbz`` is.
    """
    result = expected_dbz.copy()
    known = np.isfinite(expected_dbz)
    intensities = np.sort(newest_dbz[np.isfinite(newest_dbz)])
    if not known.any() or not len(intensities):
        return result
    order = np.argsort(expected_dbz[known], kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(order.size)
    places = (ranks + 0.5) / len(ranks) * len(intensities)
    result[known] = intensities[np.minimum(places.astype(int), len(intensities) - 1)]
    return result
