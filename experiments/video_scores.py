"""The scores of the video prediction papers, so that figures can be set beside theirs.

Frames are (..., height, width) on a scale from 0 to 1; what lies outside is clipped first, as the
public implementations do. Every function gives one figure for each frame, to be averaged over
frames and sequences. These are scores of pictures: none knows missing pixels or units.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ContractViolation
from echocast.model.grid import FloatArray

Floats = NDArray[np.float64]

WINDOW = 7  # pixels, side of the square that structural similarity looks at
K1, K2 = 0.01, 0.03


def squared_error_sum(forecast: FloatArray, observed: FloatArray) -> Floats:
    """Sum over the pixels of a frame of (forecast - observed)^2: "MSE" in MIM's Tables 1, 3 to 6.

    Args:
        forecast: (..., height, width), 0 to 1.
        observed: Like ``forecast``.

    Returns:
        (...), from 0, perfect 0. A mean over pixels is this divided by their number.

    Raises:
        ContractViolation: The shapes differ.
    """
    total: Floats = np.square(_difference(forecast, observed)).sum((-2, -1))
    return total


def absolute_error_sum(forecast: FloatArray, observed: FloatArray) -> Floats:
    """Sum over the pixels of a frame of \\|forecast - observed\\|: "MAE" in MIM's Tables 1 and 3.

    Args and raises as :func:`squared_error_sum`; returns (...), from 0, perfect 0.
    """
    total: Floats = np.abs(_difference(forecast, observed)).sum((-2, -1))
    return total


def structural_similarity(forecast: FloatArray, observed: FloatArray) -> Floats:
    """SSIM: how alike means, variances and structure are in all 7 x 7 squares of a frame.

    (2 m m' + C1)(2 v' + C2) / ((m^2 + m'^2 + C1)(s^2 + s'^2 + C2)) with the means m, m', sample
    variances s^2, s'^2 and covariance v' of a square, C1 = .01^2, C2 = .03^2; the mean over the
    squares that lie inside the frame (Wang et al., IEEE TIP 2004, with the uniform window and the
    sample covariance of scikit-image, which the public implementations call).

    Args:
        forecast: (..., height, width), 0 to 1, at least 7 x 7.
        observed: Like ``forecast``.

    Returns:
        (...), -1 to 1, perfect 1.

    Raises:
        ContractViolation: The shapes differ, or a side is shorter than 7.
    """
    a, b = _same(forecast, observed)
    if min(a.shape[-2:]) < WINDOW:
        raise ContractViolation(
            f"Structural similarity needs {WINDOW} x {WINDOW} pixels, not {a.shape[-2:]}.",
            rule="grid",
        )
    return np.array([_similarity(x, y) for x, y in zip(_flat(a), _flat(b), strict=True)]).reshape(
        a.shape[:-2]
    )


def _similarity(a: Floats, b: Floats) -> float:
    unbiased = WINDOW**2 / (WINDOW**2 - 1)
    mean_a, mean_b = _mean(a), _mean(b)
    variance_a = unbiased * (_mean(a * a) - mean_a**2)
    variance_b = unbiased * (_mean(b * b) - mean_b**2)
    covariance = unbiased * (_mean(a * b) - mean_a * mean_b)
    alike = (2 * mean_a * mean_b + K1**2) * (2 * covariance + K2**2)
    most = (mean_a**2 + mean_b**2 + K1**2) * (variance_a + variance_b + K2**2)
    return float((alike / most).mean())


def _mean(frame: Floats) -> Floats:
    """Means of the squares inside a frame."""
    inside, before = (-(WINDOW // 2) or None), WINDOW // 2
    mean: Floats = cv2.blur(frame, (WINDOW, WINDOW))
    return mean[before:inside, before:inside]


def gradient_sharpness(forecast: FloatArray, observed: FloatArray) -> Floats:
    """How near the steepness of a frame is to the observed one's, in dB: MIM's Table 2.

    10 log10(1 / mean \\|G(observed) - G(forecast)\\|), where G adds the absolute differences to the
    pixel above and to the pixel at the left (Mathieu et al., ICLR 2016, "sharpness difference").
    Not the sharpness of the forecast alone: a field that is too rough loses too.

    Args:
        forecast: (..., height, width), 0 to 1.
        observed: Like ``forecast``.

    Returns:
        (...), the higher the better; infinite where both are equally steep everywhere.

    Raises:
        ContractViolation: The shapes differ.
    """
    a, b = _same(forecast, observed)
    with np.errstate(divide="ignore"):
        decibels: Floats = -10 * np.log10(np.abs(_steepness(a) - _steepness(b)).mean((-2, -1)))
    return decibels


def _steepness(frames: Floats) -> Floats:
    rows, columns = np.abs(np.diff(frames, axis=-2)), np.abs(np.diff(frames, axis=-1))
    steepness: Floats = rows[..., :, 1:] + columns[..., 1:, :]
    return steepness


def _difference(forecast: FloatArray, observed: FloatArray) -> Floats:
    a, b = _same(forecast, observed)
    return a - b


def _same(forecast: FloatArray, observed: FloatArray) -> tuple[Floats, Floats]:
    """Both in double precision, clipped to the scale."""
    if forecast.shape != observed.shape:
        raise ContractViolation(
            f"Frames of {forecast.shape} can't be scored by frames of {observed.shape}.",
            rule="grid",
        )
    a, b = (np.clip(frames.astype(np.float64), 0, 1) for frames in (forecast, observed))
    return a, b


def _flat(frames: Floats) -> Floats:
    return frames.reshape(-1, *frames.shape[-2:])
