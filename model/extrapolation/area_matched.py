"""Decoded extrapolation: what extrapolation would warn of if it knew how unsure it is.

The extrapolated field is blurred, the more the longer the lead time, and ranked: as many pixels
reach a threshold as in the unblurred field, but the most surrounded ones. So its frequency bias
stays that of extrapolation and nothing is fitted. The width, (lead / 5 min)^0.75 km, is that of
the loss of predictable scales (Germann and Zawadzki, MWR 2002).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from echocast.model.grid import FloatArray
from echocast.model.products import sharp

EXPONENT = 0.75
MINUTES_PER_KM = 5.0


def decoded_events(
    extrapolation_dbz: FloatArray,
    thresholds_dbz: Sequence[float],
    lead_minutes: float,
    pixel_km: float,
) -> list[NDArray[np.bool_]]:
    """Where decoded extrapolation reaches each threshold.

    Args:
        extrapolation_dbz: (height, width) in dBZ, NaN where unknown.
        thresholds_dbz: Ascending, above 0; events are reflectivity >= threshold.
        lead_minutes: Lead time.
        pixel_km: Side of a pixel.

    Returns:
        One field (height, width) for each threshold; False where unknown.
    """
    sigma = (lead_minutes / MINUTES_PER_KM) ** EXPONENT / pixel_km
    known = np.isfinite(extrapolation_dbz)
    blurred = _blurred(extrapolation_dbz, known, sigma)
    blurred[~known] = 0
    with np.errstate(invalid="ignore"):
        counts = [np.count_nonzero(extrapolation_dbz >= threshold) for threshold in thresholds_dbz]
    highest, events = blurred[blurred > 0], []  # dry ones are all equal: slow to be ranked
    for count in counts:  # each time fewer, so among those before
        highest = np.partition(highest, -count)[-count:] if count else highest[:0]
        events.append(blurred >= highest[0] if count else np.zeros(known.shape, bool))
    return events


def _blurred(field_dbz: FloatArray, known: NDArray[np.bool_], sigma: float) -> FloatArray:
    """Gaussian mean of the known pixels, dry ones as 0 dBZ."""
    weight = cv2.GaussianBlur(known.astype(np.float32), (0, 0), sigma)
    rain = np.fmax(field_dbz, np.float32(0))
    total = cv2.GaussianBlur(rain, (0, 0), sigma)
    blurred: FloatArray = total / np.maximum(weight, 1e-6)
    return blurred


def decoded_field(
    extrapolation_dbz: FloatArray, lead_minutes: float, pixel_km: float
) -> FloatArray:
    """Decoded extrapolation as reflectivity: blurred, with the intensities of the unblurred field.

    Args:
        extrapolation_dbz: (height, width) in dBZ, NaN where unknown.
        lead_minutes: Lead time.
        pixel_km: Side of a pixel.

    Returns:
        (height, width) in dBZ, NaN where unknown.
    """
    sigma = (lead_minutes / MINUTES_PER_KM) ** EXPONENT / pixel_km
    known = np.isfinite(extrapolation_dbz)
    blurred = np.where(known, _blurred(extrapolation_dbz, known, sigma), np.nan)
    return sharp(blurred, extrapolation_dbz)
