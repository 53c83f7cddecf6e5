"""Rain amounts of a forecast, from its exceedance probabilities.

The mean of a rain rate is not the rate of a mean reflectivity: Z = a R^b is convex, so a field that
is smooth because it is uncertain holds too little rain. The probabilities know the spread:

    E[R] = sum over classes of P(class) * E[R | class]

Means add, whatever the dependence between lead times; so the expected amount is the sum of the
expected rates times the step. How likely an amount is exceeded does not follow. The amounts are as
right as the probabilities; too high ones in the heaviest classes count most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.frames import unmasked
from echocast.model.grid import FloatArray
from echocast.model.reflectivity import ZR

HIGHEST_DBZ = 55.0  # the last class ends here; above it radars see hail


def expected_rain_rate(
    expected_dbz: FloatArray,
    exceedance_probability: NDArray[np.floating[Any]],
    thresholds_dbz: Sequence[float],
    zr: ZR,
) -> FloatArray:
    """Mean rain rate from the exceedance probabilities of reflectivity.

    Within a class of reflectivity it is taken to be spread evenly in dBZ, which gives the class
    the logarithmic mean (r2 - r1) / ln(r2 / r1) of the rates at its bounds. Below the lowest
    threshold the rate is that of the expected reflectivity, at most that of the threshold.

    Args:
        expected_dbz: Any shape, NaN or masked where missing.
        exceedance_probability: (threshold, *shape), not increasing with the threshold; missing
            as in ``expected_dbz``.
        thresholds_dbz: Increasing, below 55 dBZ.
        zr: Relation of reflectivity and rain rate.

    Returns:
        In mm/h, shaped like ``expected_dbz``, NaN where missing.
    """
    if np.ma.isMaskedArray(exceedance_probability):
        exceedance_probability = unmasked(exceedance_probability)
    bounds = zr.rain_rate_mm_h([*thresholds_dbz, HIGHEST_DBZ])
    means = np.diff(bounds) / np.diff(np.log(bounds))
    faint = np.minimum(zr.rain_rate_mm_h(expected_dbz, no_rain_dbz=0), bounds[0])
    rate = (1 - exceedance_probability[0].astype(np.float32)) * faint
    for lower, upper, mean in zip(
        exceedance_probability, [*exceedance_probability[1:], np.float32(0)], means, strict=True
    ):
        rate += (lower - upper).astype(np.float32) * mean
    return np.asarray(rate, np.float32)


def expected_amounts(
    expected_dbz: FloatArray,
    exceedance_probability: NDArray[np.floating[Any]],
    thresholds_dbz: Sequence[float],
    lead_minutes: Sequence[float],
    zr: ZR,
) -> Iterator[FloatArray]:
    """Expected rain of each step, (height, width) in mm, NaN where missing.

    Args:
        expected_dbz: (lead, height, width).
        exceedance_probability: (threshold, lead, height, width).
        thresholds_dbz: Increasing, below 55 dBZ.
        lead_minutes: From the first lead on; a step begins where the one before ends.
        zr: Relation of reflectivity and rain rate.
    """
    for lead, step in enumerate(np.diff([0.0, *lead_minutes])):
        probability = exceedance_probability[:, lead]
        rate = expected_rain_rate(expected_dbz[lead], probability, thresholds_dbz, zr)
        yield rate * np.float32(step / 60)
