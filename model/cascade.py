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

SCALES_PIXELS = (1, 2, 4, 8, 16, 32, 64)  # widths of the Gaussians between the bands
FINE_PIXELS = 4  # wider Gaussians are computed on means of so many pixels that they are this wide
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
    last = aligned_dbz[-FRAMES:]
    seen: NDArray[np.bool_] = np.all(np.isfinite(last), axis=0)
    rest = np.clip(np.nan_to_num(last, nan=0.0), 0, None).astype(np.float32)
    forecast = np.zeros((steps, *seen.shape), np.float32)
    if not rest[:, seen].any():
        return forecast
    for scale in SCALES_PIXELS:
        smooth = np.stack([_blurred(frame, scale) for frame in rest])
        _continue(forecast, rest - smooth, seen)
        rest = smooth
    _continue(forecast, rest, seen)
    return np.clip(forecast, 0, None, out=forecast)


def _blurred(field: FloatArray, scale: int) -> FloatArray:
    """Gaussian mean, ``scale`` pixels wide; on a coarser grid where it is wide."""
    if scale <= FINE_PIXELS:
        blurred: FloatArray = cv2.GaussianBlur(field, (0, 0), scale)
        return blurred
    height, width = field.shape
    factor = scale // FINE_PIXELS
    few = max(width // factor, 1), max(height // factor, 1)
    coarse = cv2.GaussianBlur(cv2.resize(field, few, interpolation=cv2.INTER_AREA), (0, 0), 4)
    smooth: FloatArray = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return smooth


def _continue(forecast: FloatArray, band: FloatArray, seen: NDArray[np.bool_]) -> None:
    """Add the autoregressive continuation of one band, (time, height, width), to the forecast."""
    values = band[:, seen].astype(np.float64)
    middle = np.float32(values[-1].mean())
    first, second = coefficients(values)
    newest, before = band[-1] - middle, band[-2] - middle
    now, then = np.eye(2)  # what the newest frame and the one before it weigh in a step
    for frame in forecast:
        now, then = first * now + second * then, now
        frame += middle
        cv2.scaleAdd(newest, now[0], frame, frame)
        cv2.scaleAdd(before, now[1], frame, frame)


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
