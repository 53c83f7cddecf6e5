"""Values of images as bytes that a browser can read back: half dBZ, percent, or an outcome.

Codes of reflectivity are those that RainViewer's clients know as raw values: dBZ = code / 2 - 32.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]

STEPS_A_DBZ: Final = 2
LOWEST_DBZ: Final = -32.0
HIGHEST: Final = 253
NOT_TRACEABLE: Final = 254  # observed, but the rain of this lead time came from elsewhere
NOT_OBSERVED: Final = 255
CORRECT_NEGATIVE, HIT, MISS, FALSE_ALARM = range(4)  # of an event, as codes


def dbz_codes(values_dbz: NDArray[np.floating[Any]]) -> Codes:
    """Reflectivity in dBZ, NaN where missing, as codes; missing is :data:`NOT_OBSERVED`."""
    scaled = np.rint((values_dbz - LOWEST_DBZ) * STEPS_A_DBZ)
    return _codes(scaled, HIGHEST)


def percent_codes(probability: NDArray[np.floating[Any]]) -> Codes:
    """Probabilities in 0..1, NaN where missing, as percent; missing is :data:`NOT_OBSERVED`."""
    return _codes(np.rint(probability * 100), 100)


def outcome_codes(
    forecast_dbz: NDArray[np.floating[Any]],
    observed_dbz: NDArray[np.floating[Any]],
    threshold_dbz: float,
) -> Codes:
    """What became of a forecast at each pixel; missing pixels are neither hit nor dry.

    Args:
        forecast_dbz: (y, x) in dBZ, NaN where there is no forecast.
        observed_dbz: The same of what was then observed, NaN where missing.
        threshold_dbz: From which reflectivity on a pixel is an event.

    Returns:
        :data:`CORRECT_NEGATIVE`, :data:`HIT`, :data:`MISS` or :data:`FALSE_ALARM`;
        :data:`NOT_OBSERVED`, and :data:`NOT_TRACEABLE` where only the forecast is missing.
    """
    forecast, event = forecast_dbz >= threshold_dbz, observed_dbz >= threshold_dbz
    codes = np.select([forecast & event, event, forecast], [HIT, MISS, FALSE_ALARM])
    codes[np.isnan(forecast_dbz)] = NOT_TRACEABLE
    codes[np.isnan(observed_dbz)] = NOT_OBSERVED
    return codes.astype(np.uint8)


def with_untraceable(codes: Codes, observed: NDArray[np.bool_]) -> Codes:
    """Codes of a forecast that tell what was not observed from what can't be traced.

    Args:
        codes: (..., y, x), :data:`NOT_OBSERVED` wherever there is no forecast.
        observed: (y, x), what the radar saw at the reference time.
    """
    codes[(codes == NOT_OBSERVED) & observed] = NOT_TRACEABLE
    return codes


def _codes(scaled: NDArray[np.floating[Any]], highest: int) -> Codes:
    missing = np.isnan(scaled)
    codes = np.where(missing, 0, np.clip(scaled, 0, highest)).astype(np.uint8)
    codes[missing] = NOT_OBSERVED
    return codes
