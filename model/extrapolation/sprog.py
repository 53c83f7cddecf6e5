"""Scale-damped extrapolation: each scale of the rain fades as fast as it proves unpredictable.

The frames, aligned along the motion, are split into bands of scale by differences of Gaussians.
Every band follows an autoregressive process of second order whose coefficients come from the band's
own correlation over the last frames: small scales, and noise with them, fade within minutes, large
ones stay. After S-PROG (Seed, JAM 2003; Pulkkinen et al., GMD 2019), without its restoration of
intensities: this is a mean to add to, not a picture. Nothing is fitted.

A forecast of another method goes on in the same way, from its last lead time: by then the slower of
the two memories of each band is all that is left of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from echocast.model.frames import unmasked
from echocast.model.grid import FloatArray

SCALES_PIXELS = (1, 2, 4, 8, 16, 32, 64)  # widths of the Gaussians between the bands
FINE_PIXELS = 4  # wider Gaussians are computed on means of so many pixels that they are this wide
MOST_CORRELATED = 0.9999
ROWS_AT_ONCE = 256  # of which covariances are summed up

Covariance = NDArray[np.float64]  # (frames, frames) of one band, oldest first


class Damped(NamedTuple):
    """Scale-damped extrapolation, and what its bands remember.

    Args:
        frames_dbz: (steps, height, width) in dBZ, from 0.
        memories: Of each band from small scales to large ones, what a step leaves of it in the long
            run, 0 to 1.
    """

    frames_dbz: FloatArray
    memories: tuple[float, ...]


def damped(aligned_dbz: FloatArray, steps: int, process: str = "aperiodic") -> FloatArray:
    """The frames of :func:`scale_damped`."""
    return scale_damped(aligned_dbz, steps, process).frames_dbz


def scale_damped(aligned_dbz: FloatArray, steps: int, process: str = "aperiodic") -> Damped:
    """Forecast in the moving frame.

    Args:
        aligned_dbz: (time, height, width) in dBZ, three frames or more, carried to the newest time
            along the motion; dry as 0, NaN or masked where missing, which counts as dry here.
        steps: Frames to forecast.
        process: How the bands go on, one of ``PROCESSES``.
    """
    most, fewest, coefficients = PROCESSES[process]
    last = unmasked(aligned_dbz[-most:])
    count, valid = _common_pixels(np.isfinite(last), fewest)
    rest = np.clip(np.nan_to_num(last, nan=0.0), 0, None).astype(np.float32)
    forecast = np.zeros((steps, *valid.shape), np.float32)
    if not rest[-count:, valid].any():
        return Damped(forecast, (1.0,) * (len(SCALES_PIXELS) + 1))
    memories = []
    for scale in SCALES_PIXELS:
        smooth = np.stack([_blurred(frame, scale) for frame in rest])
        rest -= smooth
        memories.append(_continue(forecast, rest, count, valid, coefficients))
        rest = smooth
    memories.append(_continue(forecast, rest, count, valid, coefficients))
    return Damped(np.clip(forecast, 0, None, out=forecast), tuple(memories))


def faded(
    field: FloatArray, memories: Sequence[float], steps: int, valid: NDArray[np.bool_]
) -> FloatArray:
    """A field of the moving frame so many steps later: each band nearer to its mean.

    Args:
        field: (height, width), finite.
        memories: Of the bands, as :func:`scale_damped` finds them.
        steps: How much later.
        valid: (height, width), where means are taken.
    """
    later, rest = np.zeros(field.shape, np.float32), field
    for scale, memory in zip((*SCALES_PIXELS, None), memories, strict=True):
        smooth = np.zeros_like(rest) if scale is None else _blurred(rest, scale)
        band, left = rest - smooth, memory**steps
        cv2.scaleAdd(band, left, later, later)
        if valid.any():
            later += np.float32((1 - left) * band[valid].mean())
        rest = smooth
    return later


def _common_pixels(observed: NDArray[np.bool_], fewest: int) -> tuple[int, NDArray[np.bool_]]:
    """How many of the newest frames are compared, and where: half of the newest view or more.

    Args:
        observed: (time, height, width), where each frame was valid.
        fewest: Frames that are compared wherever they were valid.

    Returns:
        Their number, and the pixels that all of them saw.
    """
    count = len(observed)
    while count > fewest and 2 * observed[-count:].all(0).sum() < observed[-1].sum():
        count -= 1
    valid: NDArray[np.bool_] = np.all(observed[-count:], axis=0)
    return count, valid


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


def _continue(
    forecast: FloatArray,
    band: FloatArray,
    count: int,
    valid: NDArray[np.bool_],
    coefficients: Callable[[Covariance], tuple[float, float]],
) -> float:
    """Add the autoregressive continuation of one band, (time, height, width), to the forecast.

    Returns:
        What a step leaves of the band in the long run.
    """
    means, covariance = moments(band[-count:], valid)
    middle = np.float32(means[-1])
    first, second = coefficients(covariance)
    newest, before = band[-1] - middle, band[-2] - middle
    now, then = np.eye(2)  # what the newest frame and the one before it weigh in a step
    for frame in forecast:
        now, then = first * now + second * then, now
        frame += middle
        cv2.scaleAdd(newest, now[0], frame, frame)
        cv2.scaleAdd(before, now[1], frame, frame)
    return min(1.0, float(np.abs(np.roots([1.0, -first, -second])).max()))


def moments(band: FloatArray, valid: NDArray[np.bool_]) -> tuple[NDArray[np.float64], Covariance]:
    """Means of the frames of a band, (time,), and their covariance, (time, time), where valid."""
    total, products = np.zeros(len(band)), np.zeros((len(band), len(band)))
    for top in range(0, len(valid), ROWS_AT_ONCE):
        rows = slice(top, top + ROWS_AT_ONCE)
        values = np.stack([frame[rows][valid[rows]] for frame in band]).astype(np.float64)
        total += values.sum(1)
        products += values @ values.T
    means = total / valid.sum()
    return means, products / valid.sum() - np.outer(means, means)


def aperiodic(covariance: Covariance) -> tuple[float, float]:
    """Yule-Walker coefficients of a process that fades without swinging.

    Correlations a step and two steps apart are means over the pairs of frames, each frame with its
    own variance, so that rain which grows or enters the view is not taken for rain that is
    forgotten. Between frames whose second correlation is low for noise, a process of second order
    would swing about its mean; the correlation is raised to where the roots of the process become
    real: with r the first one, to (3 r^2 - 2 + 2 (1 - r^2)^1.5) / r^2.

    Args:
        covariance: Of three frames or more; two make a process of first order, one stays as it is.

    Returns:
        Weights of the newest value and of the one before it.
    """
    one, two = (_correlation(covariance, lag) for lag in (1, 2))
    if one is None:
        return 1.0, 0.0
    one = min(max(one, -MOST_CORRELATED), MOST_CORRELATED)
    square = one**2
    two = square if two is None else two
    if square > 1e-9:
        two = max(two, (3 * square - 2 + 2 * (1 - square) ** 1.5) / square)
    two = min(two, 1 - 1e-6)
    return one * (1 - two) / (1 - square), (two - square) / (1 - square)


def _correlation(covariance: Covariance, lag: int) -> float | None:
    """Mean over the pairs of frames so many steps apart; None where nothing varied."""
    sizes = np.sqrt(np.clip(covariance.diagonal(), 0, None))
    sizes = sizes[lag:] * sizes[:-lag]
    varied = sizes > 0
    if not varied.any():
        return None
    return float((covariance.diagonal(lag)[varied] / sizes[varied]).mean())


def stationary(covariance: Covariance) -> tuple[float, float]:
    """Yule-Walker coefficients of a stationary second-order process, of models up to 1.5.0.

    One variance for three frames: bands whose rain grows are forgotten too soon, and correlations
    that fit no stationary process leave one of first order.

    Args:
        covariance: Of three frames.

    Returns:
        Weights of the newest value and of the one before it.
    """
    variance = covariance.trace() / 3
    if variance <= 0:
        return 1.0, 0.0
    one = (covariance[2, 1] + covariance[1, 0]) / (2 * variance)
    one = float(np.clip(one, -0.999, 0.999))
    two = covariance[2, 0] / variance
    first, second = one * (1 - two) / (1 - one**2), (two - one**2) / (1 - one**2)
    if abs(second) >= 1 or first + second >= 1 or second - first >= 1:
        return one, 0.0
    return first, second


class Process(NamedTuple):
    """How the coefficients of a band's process are found.

    Args:
        most: Newest frames that are compared.
        fewest: As many of them at least, where they were both observed too little.
        coefficients: From their covariance.
    """

    most: int
    fewest: int
    coefficients: Callable[[Covariance], tuple[float, float]]


PROCESSES: Mapping[str, Process] = {
    "damped": Process(3, 3, stationary),
    "aperiodic": Process(5, 1, aperiodic),
}
