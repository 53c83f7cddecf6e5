"""Preprocessing: estimate the motion, then align, scale and pad the frames.

A Lagrangian network sees the rain standing still: every input frame is carried along the motion to
the reference time.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import timedelta

import cv2
import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ContractViolation
from echocast.model.extrapolation.motion import (
    FLOW_PAIRS,
    Motion,
    carry,
    estimate_motion,
    trajectories,
)
from echocast.model.extrapolation.sprog import Damped, scale_damped
from echocast.model.frames import Frames
from echocast.model.grid import DEFAULT_PIXEL_KM, FloatArray
from echocast.model.network.config import NetworkConfig
from echocast.model.network.network import SCALE_DBZ
from echocast.model.reflectivity import ECHO_FLOOR_DBZ

GROWTH_KM_PER_HOUR = 24.0  # how fast rain may spread: growth, new cells, errors of the motion


@dataclass(frozen=True, eq=False)
class Prepared:
    """Frames made ready for the network.

    Args:
        newest: The newest frame alone, dry as 0 dBZ.
        step: Time between frames.
        input_sha256: Hash of the frames.
        motion: Pixels per step.
        inputs: (time, height, width) in network scale, padded to the patch, NaN where missing.
        bases: (lead, height, width), padded too: what the network's residuals are added to.
        pixel_km: Side of a pixel.
        memories: What a step leaves of each band of scale, see :mod:`.extrapolation.sprog`.
    """

    newest: Frames
    step: timedelta
    input_sha256: str
    motion: Motion
    inputs: FloatArray
    bases: FloatArray
    pixel_km: float
    memories: tuple[float, ...]

    @property
    def newest_dbz(self) -> FloatArray:
        """(height, width), NaN where missing."""
        newest: FloatArray = self.newest.reflectivity_dbz[0]
        return newest

    @property
    def batch_key(self) -> Hashable:
        """Only equal keys go into one batch."""
        return self.inputs.shape

    @property
    def cost(self) -> int:
        """Pixels times frames of the network's input."""
        return self.inputs.size

    def without_inputs(self) -> Prepared:
        """What postprocessing needs of it, without the planes that only the network reads."""
        nothing = np.empty((0, 0, 0), np.float32)
        return replace(self, inputs=nothing, bases=nothing)


def prepare(frames: Frames, config: NetworkConfig, input_sha256: str | None = None) -> Prepared:
    """Find the motion, align the frames, scale and pad them.

    Args:
        frames: As many as go in.
        config: Of the network that they are made ready for.
        input_sha256: Hash of the frames, where it is known; else it is computed.

    Raises:
        ContractViolation: Not the number of frames that go in.
    """
    if len(frames) != config.input_frames:
        raise ContractViolation(
            f"The model needs {config.input_frames} frames, but {len(frames)} came.",
            rule="frame-count",
        )
    last = _dried(frames, slice(-FLOW_PAIRS - 1, None))
    motion = estimate_motion(last, frames.grid.pixel_size_km)
    inputs = _as_network_input(frames, motion, config)
    bases, memories = _bases(inputs, config)
    bases = _in_network_scale(bases)
    return Prepared(
        frames.derived(last[-1:].copy(), frames.times[-1:]),
        frames.step,
        input_sha256 or frames.sha256(),
        motion,
        _padded(_in_network_scale(inputs), config.patch, np.nan),
        _padded(bases, config.patch, 0.0),
        frames.grid.pixel_size_km or DEFAULT_PIXEL_KM,
        memories,
    )


def _dried(frames: Frames, which: slice) -> FloatArray:
    """Reflectivity of some frames in dBZ, 0 for dry, NaN where missing."""
    values = frames.reflectivity_dbz[which]
    return np.where(values <= max(0.0, frames.no_rain_dbz), np.float32(0), values)


def _as_network_input(frames: Frames, motion: Motion, config: NetworkConfig) -> FloatArray:
    """The frames as the network sees them, carried to the newest time or as they are, in dBZ."""
    if config.coordinates == "eulerian":
        return _dried(frames, slice(None))
    aligned = np.empty(frames.reflectivity_dbz.shape, np.float32)
    aligned[-1:] = _dried(frames, slice(-1, None))
    back = trajectories(motion)
    for index in reversed(range(len(frames) - 1)):
        aligned[index] = carry(_dried(frames, slice(index, index + 1))[0], next(back))
    return aligned


def _bases(inputs_dbz: FloatArray, config: NetworkConfig) -> Damped:
    """What the forecast is before the network adds to it, (lead, height, width) in dBZ."""
    if config.base != "newest":
        return scale_damped(inputs_dbz, config.output_frames, config.base)
    newest = np.nan_to_num(inputs_dbz[-1], nan=0.0)
    repeated = np.repeat(newest[None], config.output_frames, 0)
    return Damped(repeated, scale_damped(inputs_dbz, 0).memories)


def _in_network_scale(planes_dbz: FloatArray) -> FloatArray:
    """The same array, now from 0 to 1."""
    planes_dbz /= np.float32(SCALE_DBZ)
    return np.clip(planes_dbz, 0, 1, out=planes_dbz)


def _padded(planes: FloatArray, patch: int, value: float) -> FloatArray:
    """``value`` below and right, up to whole patches."""
    rows, columns = (-size % patch for size in planes.shape[1:])
    if not rows + columns:
        return planes
    return np.pad(planes, ((0, 0), (0, rows), (0, columns)), constant_values=value)


def reach(item: Prepared, config: NetworkConfig) -> NDArray[np.bool_]:
    """Where an echo of the input frames is near enough to come to, or to grow to.

    Returns:
        (height, width), padded.
    """
    echo: NDArray[np.bool_] = np.fmax.reduce(item.inputs) * SCALE_DBZ >= ECHO_FLOOR_DBZ
    if not echo.any():
        return echo
    far = cv2.distanceTransform((~echo).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near: NDArray[np.bool_] = far <= reach_pixels(item, config)
    return near


def reach_pixels(item: Prepared, config: NetworkConfig) -> int:
    """How far an echo may come within the lead times, in pixels: by motion, and by growth.

    In the moving frame there is no motion left: rain stands still, and growth alone counts.
    """
    lead = config.output_frames * item.step
    growth = GROWTH_KM_PER_HOUR * (lead / timedelta(hours=1)) / item.pixel_km
    moves = config.coordinates == "eulerian"
    fastest = max(float(np.abs(part).max()) for part in item.motion) if moves else 0.0
    return math.ceil(growth + config.output_frames * fastest)
