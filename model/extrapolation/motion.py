"""Motion field and semi-Lagrangian extrapolation: the reference forecast and the moving frame.

The motion is found by dense inverse search (Kroeger et al., ECCV 2016, OpenCV's DIS) on the last
frame pairs, averaged, and smoothed with weights that follow the rain. Extrapolation follows the
backward trajectories of a motion field that stands still (Germann and Zawadzki, MWR 2002): each
step moves by the velocity found half a step upstream.

Arrays are float32 (height, width) in pixels; velocities are in pixels per frame step.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from echocast.model.frames import unmasked
from echocast.model.grid import FloatArray

FLOW_PAIRS = 3  # newest frame pairs whose flows are averaged
SMOOTHING_PIXELS = 15.0  # Gaussian that spreads the motion of rain over its surroundings
DARK_DBZ, BRIGHT_DBZ = 15.0, 60.0  # black and white of the 8-bit picture the flow is found on
FLOW_REACH = 33  # pixels around the edge of a changed view where the flow is not used
RAIN_DBZ = 10.0  # rain counts for the motion from here on
SMALLEST_SIDE_FOR_FLOW = 24  # the flow's coarsest pictures need some pixels
LEAST_OBSERVED_SHARE = 0.5  # of a carried value, at least; else it is missing
TOGETHER = 4  # planes that OpenCV carries at once
BAND_ROWS = 256  # of so many rows each
FINEST_KM = 1.0  # smaller pixels are averaged first: their grain misleads the flow


class Motion(NamedTuple):
    """Displacement of the rain in pixels per frame step.

    Args:
        u: Along columns (x), (height, width).
        v: Along rows (y), (height, width).
    """

    u: FloatArray
    v: FloatArray


class Trajectory(NamedTuple):
    """Where the rain that is at a pixel came from: column and row, each (height, width)."""

    x: FloatArray
    y: FloatArray


def estimate_motion(frames_dbz: FloatArray, pixel_km: float | None = None) -> Motion:
    """Motion of the rain at the newest frame.

    Args:
        frames_dbz: (time, height, width) in dBZ, oldest first, NaN or masked where missing.
        pixel_km: Side of a pixel; None: unknown, or of no importance.

    Returns:
        One velocity for every pixel; zero where no rain ever was near.
    """
    newest = unmasked(frames_dbz[-FLOW_PAIRS - 1 :])
    height, width = newest.shape[1:]
    pixels = 1 if pixel_km is None else round(FINEST_KM / pixel_km)
    pixels = min(pixels, min(height, width) // SMALLEST_SIDE_FOR_FLOW)
    if pixels > 1:
        coarse = estimate_motion(np.stack([_coarser(frame, pixels) for frame in newest]))
        return _finer(coarse, height, width)
    if len(newest) < 2 or min(height, width) < SMALLEST_SIDE_FOR_FLOW:
        return still(height, width)
    bright = (np.nan_to_num(newest, nan=0.0) - DARK_DBZ) / (BRIGHT_DBZ - DARK_DBZ)
    pictures = (np.clip(bright, 0, 1) * 255).astype(np.uint8)
    rain = np.clip((np.nan_to_num(newest[-1]) - RAIN_DBZ) / (BRIGHT_DBZ - RAIN_DBZ), 0, 1) + 1e-6
    total, shares = np.zeros((height, width, 2), np.float32), np.zeros((height, width), np.float32)
    for (earlier, later), (before, after) in zip(pairwise(newest), pairwise(pictures), strict=True):
        weight = rain.astype(np.float32) * _comparable(earlier, later)
        total += weight[..., None] * _flow(before, after)
        shares += weight
    return _smooth(total, shares)


def _coarser(frame_dbz: FloatArray, pixels: int) -> FloatArray:
    """Means of blocks of ``pixels`` x ``pixels``; NaN where less than half of a block was valid."""
    height, width = frame_dbz.shape
    size = max(1, round(width / pixels)), max(1, round(height / pixels))
    valid = np.isfinite(frame_dbz)
    total, share = (
        cv2.resize(field, size, interpolation=cv2.INTER_AREA)
        for field in (np.where(valid, frame_dbz, np.float32(0)), valid.astype(np.float32))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        mean: FloatArray = total / share
    mean[share < 0.5] = np.nan
    return mean


def _finer(motion: Motion, height: int, width: int) -> Motion:
    """The same motion on a finer grid, in its pixels."""
    rows, columns = motion.u.shape
    u, v = (cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR) for field in motion)
    return Motion(u * np.float32(width / columns), v * np.float32(height / rows))


def _comparable(earlier: FloatArray, later: FloatArray) -> FloatArray:
    """1 where both frames were looked at, or neither; 0 around what only one of them saw.

    Missing is not dry: the edge of a view that comes or goes would pass for rain that moves.
    """
    changed = np.isnan(earlier) != np.isnan(later)
    if not changed.any():
        return np.ones(earlier.shape, np.float32)
    square = np.ones((FLOW_REACH, FLOW_REACH), np.uint8)
    near = cv2.dilate(changed.astype(np.uint8), square).astype(bool)
    return np.where(near, np.float32(0), np.float32(1))


def still(height: int, width: int) -> Motion:
    """No motion anywhere."""
    zero = np.zeros((height, width), np.float32)
    return Motion(zero, zero)


def _flow(earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> FloatArray:
    """Dense flow between two pictures, (height, width, 2)."""
    preset = cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST
    search = cv2.DISOpticalFlow_create(preset)  # type: ignore[attr-defined]
    flow: FloatArray = search.calc(earlier, later, None)
    return flow


def _smooth(weighted_flow: FloatArray, weight: FloatArray) -> Motion:
    """Weighted Gaussian mean of the flow."""

    def blur(field: FloatArray) -> FloatArray:
        blurred: FloatArray = cv2.GaussianBlur(field, (0, 0), SMOOTHING_PIXELS)
        return blurred

    total = blur(weight) + np.float32(1e-12)
    return Motion(*(blur(weighted_flow[..., i]) / total for i in (0, 1)))


def sample(field: FloatArray, at: Trajectory) -> FloatArray:
    """Bilinear values of a field at trajectory points.

    Args:
        field: (height, width), or several interleaved, (height, width, fields); finite.
        at: Points to look at; what lies beyond the grid is 0.

    Returns:
        Of the points, shaped like ``field``.
    """
    values: FloatArray = cv2.remap(
        field, at.x, at.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0.0
    )
    return values


def carry_planes(planes: FloatArray, at: Trajectory) -> None:
    """Replace every plane by what :func:`sample` gives of it; several at once, which is faster.

    Args:
        planes: (plane, height, width), finite.
        at: Points to look at; what lies beyond the grid is 0.
    """
    height, width = at.x.shape
    for first in range(0, len(planes), TOGETHER):
        part = planes[first : first + TOGETHER]
        together = cv2.merge(list(part))
        for top in range(0, height, BAND_ROWS):
            rows = slice(top, top + BAND_ROWS)
            carried = sample(together, Trajectory(at.x[rows], at.y[rows]))
            part[:, rows] = carried.reshape(-1, width, len(part)).transpose(2, 0, 1)


def trajectories(motion: Motion, *, forward: bool = False) -> Iterator[Trajectory]:
    """Where the rain at each pixel was one step before, two steps before, and so on.

    Args:
        motion: Steady motion field.
        forward: Where it will be instead.

    Yields:
        One trajectory point per pixel and step, without end.
    """
    sign = 1 if forward else -1
    height, width = motion.u.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    u, v = motion.u, motion.v
    while True:
        half = Trajectory(x + sign / 2 * u, y + sign / 2 * v)
        u, v = _velocity(motion, half)
        del half
        x, y = x + sign * u, y + sign * v
        yield Trajectory(x, y)
        u, v = _velocity(motion, Trajectory(x, y))


def _velocity(motion: Motion, at: Trajectory) -> tuple[FloatArray, FloatArray]:
    """Velocity at trajectory points; beyond the grid, that of its edge."""
    u, v = (
        cv2.remap(field, at.x, at.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for field in motion
    )
    return u, v


def carry(field_dbz: FloatArray, at: Trajectory) -> FloatArray:
    """A field moved along trajectories, missing pixels kept apart from dry ones.

    Args:
        field_dbz: (height, width) in dBZ, NaN where missing.
        at: Where the rain at each pixel came from.

    Returns:
        (height, width) in dBZ; NaN where more than half of the value would come from missing
        pixels or from beyond the grid.
    """
    valid = np.isfinite(field_dbz)
    values = np.where(valid, field_dbz, 0).astype(np.float32)
    share = observed_share(valid, at)
    with np.errstate(divide="ignore", invalid="ignore"):
        carried = sample(values, at) / share
    carried[share < LEAST_OBSERVED_SHARE] = np.nan
    return carried


def observed_share(valid: NDArray[np.bool_], at: Trajectory) -> FloatArray:
    """How much of each carried value comes from pixels that were valid, 0..1, (height, width)."""
    return sample(valid.astype(np.float32), at)


def extrapolate(newest_dbz: FloatArray, motion: Motion, steps: int) -> FloatArray:
    """The newest frame carried along the motion.

    Args:
        newest_dbz: (height, width) in dBZ, NaN or masked where missing.
        motion: Steady motion field.
        steps: Frames to extrapolate.

    Returns:
        (steps, height, width) in dBZ, NaN where the rain would come from beyond the view.
    """
    path, newest_dbz = trajectories(motion), unmasked(newest_dbz)
    return np.stack([carry(newest_dbz, next(path)) for _ in range(steps)])
