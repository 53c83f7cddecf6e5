"""Scale-damped extrapolation: each scale of the rain fades as fast as it proves unpredictable.

The frames, aligned along the motion, are split into bands of scale by differences of Gaussians.
Every band follows an autoregressive process of second order whose coefficients come from the band's
own correlation over the last three frames: small scales, and noise with them, fade within minutes,
large ones stay. After S-PROG (Seed, JAM 2003; Pulkkinen et al., GMD 2019), without its restoration
of intensities: this is a mean to add to, not a picture. Nothing is fitted.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from model.extrapolation import FloatArray

SCALES_PIXELS = (1.0, 2.0, 4.0, 8.0, 16.0)  # widths of the Gaussians between the bands
RAIN_DBZ = 5.0  # correlation is taken around what exceeds this in any of the frames
AROUND_PIXELS = 9
MOST_CORRELATED = 0.999
FRAMES = 3


def damped(aligned_dbz: FloatArray, steps: int) -> FloatArray:
    """Forecast in the moving frame.

    Args:
        aligned_dbz: (time, height, width) in dBZ, three frames or more, carried to the newest time
            along the motion; dry as 0, NaN where missing, which counts as dry here.
        steps: Frames to forecast.

    Returns:
        (steps, height, width) in dBZ, from 0.
    """
    last = np.clip(np.nan_to_num(aligned_dbz[-FRAMES:], nan=0.0), 0, None).astype(np.float32)
    square = np.ones((AROUND_PIXELS, AROUND_PIXELS), np.uint8)
    rain = cv2.dilate((last.max(0) > RAIN_DBZ).astype(np.uint8), square).astype(bool)
    forecast = np.zeros((steps, *rain.shape), np.float32)
    if not rain.any():
        return forecast
    rest = last
    for scale in (*SCALES_PIXELS, None):
        smooth = None if scale is None else np.stack([_blurred(f, scale) for f in rest])
        band = rest if smooth is None else rest - smooth
        _continue(forecast, band, rain)
        rest = band if smooth is None else smooth
    return np.where(rain, np.clip(forecast, 0, None), np.float32(0))


def _blurred(field: FloatArray, scale: float) -> FloatArray:
    blurred: FloatArray = cv2.GaussianBlur(field, (0, 0), scale)
    return blurred


def _continue(forecast: FloatArray, band: FloatArray, rain: NDArray[np.bool_]) -> None:
    """Add the autoregressive continuation of one band, (time, height, width), to the forecast."""
    values = band[:, rain].astype(np.float64)
    middle = np.float32(values[-1].mean())
    first, second = coefficients(values)
    now, before = band[-1] - middle, band[-2] - middle
    for frame in forecast:
        now, before = np.float32(first) * now + np.float32(second) * before, now
        frame += now + middle


def coefficients(values: NDArray[np.float64]) -> tuple[float, float]:
    """Yule-Walker coefficients of a stationary second-order process.

    Args:
        values: (3, points), oldest first.

    Returns:
        Weights of the newest value and of the one before it; those of first order where the
        second would not be stationary.
    """
    oldest, before, newest = values - values.mean(1, keepdims=True)
    variance = (oldest @ oldest + before @ before + newest @ newest) / 3
    if variance <= 0:
        return 1.0, 0.0
    one = (newest @ before + before @ oldest) / (2 * variance)
    one = float(np.clip(one, -MOST_CORRELATED, MOST_CORRELATED))
    two = newest @ oldest / variance
    first, second = one * (1 - two) / (1 - one**2), (two - one**2) / (1 - one**2)
    if abs(second) >= 1 or first + second >= 1 or second - first >= 1:
        return one, 0.0
    return first, second
