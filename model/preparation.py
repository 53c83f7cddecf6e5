"""Before the network: the motion is found, the frames are aligned, scaled and padded.

A Lagrangian network sees the rain standing still: every input frame is carried along the motion to
the reference time.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import timedelta

import cv2
import numpy as np
from numpy.typing import NDArray

from model.cascade import damped
from model.config import NetworkConfig
from model.errors import ContractViolation
from model.extrapolation import FloatArray, Motion, carry, estimate_motion, trajectories
from model.frames import Frames
from model.networks import SCALE_DBZ

ECHO_DBZ = 5.0  # an echo that can grow, and the faintest in the default product
GROWTH_KM_PER_HOUR = 24.0  # how fast rain may spread: growth, new cells, errors of the motion
DEFAULT_PIXEL_KM = 1.0


@dataclass(frozen=True, eq=False)
class Prepared:
    """Frames made ready for the network.

    Args:
        frames: As they came.
        newest_dbz: The newest frame, dry as 0, NaN where missing, (height, width).
        motion: Pixels per step.
        inputs: (time, height, width) in network scale, padded to the patch, missing 0.
        valid: Like ``inputs``: 1 where observed.
        bases: (lead, height, width), padded too: what the network's residuals are added to.
        pixel_km: Side of a pixel.
    """

    frames: Frames
    newest_dbz: FloatArray
    motion: Motion
    inputs: FloatArray
    valid: FloatArray
    bases: FloatArray
    pixel_km: float

    @property
    def batch_key(self) -> Hashable:
        """Only equal keys go into one batch."""
        return self.inputs.shape

    @property
    def cost(self) -> int:
        """Pixels times frames of the network's input."""
        return self.inputs.size


def prepare(frames: Frames, config: NetworkConfig) -> Prepared:
    """Find the motion, align the frames, scale and pad them.

    Args:
        frames: As many as go in.
        config: Of the network that they are made ready for.

    Raises:
        ContractViolation: Not the number of frames that go in.
    """
    if len(frames) != config.input_frames:
        raise ContractViolation(
            f"The model needs {config.input_frames} frames, but {len(frames)} came.",
            rule="frame-count",
        )
    values = frames.reflectivity_dbz
    observed = np.where(values <= max(0.0, frames.no_rain_dbz), np.float32(0), values)
    motion = estimate_motion(observed, frames.grid.pixel_size_km)
    seen = _aligned(observed, motion) if config.coordinates == "lagrangian" else observed
    inputs: FloatArray = np.clip(np.nan_to_num(seen, nan=0.0) / SCALE_DBZ, 0, 1)
    return Prepared(
        frames,
        observed[-1],
        motion,
        _padded(inputs, config.patch),
        _padded(np.isfinite(seen).astype(np.float32), config.patch),
        _padded(_bases(seen, config), config.patch),
        frames.grid.pixel_size_km or DEFAULT_PIXEL_KM,
    )


def _aligned(observed_dbz: FloatArray, motion: Motion) -> FloatArray:
    """The frames carried to the newest time, (time, height, width) in dBZ."""
    past = zip(observed_dbz[-2::-1], trajectories(motion), strict=False)
    moved = [carry(frame, at) for frame, at in past]
    return np.stack([*moved[::-1], observed_dbz[-1]])


def _bases(seen_dbz: FloatArray, config: NetworkConfig) -> FloatArray:
    """What the forecast is before the network adds to it, (lead, height, width)."""
    if config.base == "damped":
        ahead = damped(seen_dbz, config.output_frames)
    else:
        newest = np.nan_to_num(seen_dbz[-1], nan=0.0)
        ahead = np.broadcast_to(newest, (config.output_frames, *newest.shape))
    bases: FloatArray = np.clip(ahead / np.float32(SCALE_DBZ), 0, 1)
    return bases


def _padded(planes: FloatArray, patch: int) -> FloatArray:
    """Zeros below and right, up to whole patches."""
    rows, columns = (-size % patch for size in planes.shape[1:])
    return np.pad(planes, ((0, 0), (0, rows), (0, columns)))


def reach(item: Prepared, config: NetworkConfig) -> NDArray[np.bool_]:
    """Where an echo of the input frames is near enough to come to, or to grow to.

    Args:
        item: Of one forecast.
        config: Of the network.

    Returns:
        (height, width), padded.
    """
    echo: NDArray[np.bool_] = item.inputs.max(0) * SCALE_DBZ >= ECHO_DBZ
    if not echo.any():
        return echo
    far = cv2.distanceTransform((~echo).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    near: NDArray[np.bool_] = far <= reach_pixels(item, config)
    return near


def reach_pixels(item: Prepared, config: NetworkConfig) -> int:
    """How far an echo may come within the lead times, in pixels: by motion, and by growth.

    In the moving frame there is no motion left: rain stands still, and growth alone counts.
    """
    lead = config.output_frames * item.frames.step
    growth = GROWTH_KM_PER_HOUR * (lead / timedelta(hours=1)) / item.pixel_km
    moves = config.coordinates == "eulerian"
    fastest = max(float(np.abs(part).max()) for part in item.motion) if moves else 0.0
    return math.ceil(growth + config.output_frames * fastest)
