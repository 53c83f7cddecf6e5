"""Bridging: frames in place of missing ones, from their neighbours along the motion."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from echocast.model.extrapolation.motion import (
    FLOW_PAIRS,
    Motion,
    Trajectory,
    carry,
    estimate_motion,
    trajectories,
)
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray


def bridged(frames: Frames, known: Sequence[int]) -> Frames:
    """The frames, those that are not known replaced by what their neighbours show.

    Between two known frames both are interpolated; after the last one it is extrapolated, before
    the first one that is carried back; one known frame alone stands still.

    Args:
        frames: In rhythm.
        known: Indices of those to keep, in order; at least one.

    Returns:
        As many frames, dry pixels of new ones 0 dBZ; NaN where rain would come from beyond the
        view.
    """
    values = np.array(frames.reflectivity_dbz)
    for first, last in pairwise(known):
        for index in range(first + 1, last):
            share = (index - first) / (last - first)
            values[index] = interpolate(values[first], values[last], share)
    first, last = known[0], known[-1]
    observed = np.clip(values[first : last + 1], 0, None)
    _carry_on(values[last + 1 :], observed[-FLOW_PAIRS - 1 :], frames, forward=False)
    _carry_on(values[:first][::-1], observed[: FLOW_PAIRS + 1], frames, forward=True)
    return frames.derived(values, frames.times)


def _carry_on(
    targets: FloatArray, observed_dbz: FloatArray, frames: Frames, *, forward: bool
) -> None:
    """Fill frames, the next ones first, with the one at the observed sequence's near end."""
    if not len(targets):
        return
    path = trajectories(estimate_motion(observed_dbz, frames.grid.pixel_size_km), forward=forward)
    nearest = observed_dbz[0 if forward else -1]
    for target, at in zip(targets, path, strict=False):
        target[:] = carry(nearest, at)


def interpolate(earlier_dbz: FloatArray, later_dbz: FloatArray, share: float) -> FloatArray:
    """A frame between two others: both carried along the motion to its time, then weighted.

    Args:
        earlier_dbz: (height, width) in dBZ, NaN where missing.
        later_dbz: Likewise.
        share: Part of the way from the earlier to the later frame, 0..1.

    Returns:
        (height, width) in dBZ; where one of both is missing, the other.
    """
    pair = np.clip(np.stack([earlier_dbz, later_dbz]), 0, None)
    motion = estimate_motion(pair)
    forward = carry(pair[0], _moved(motion, -share))
    backward = carry(pair[1], _moved(motion, 1 - share))
    mixed = (1 - share) * forward + share * backward
    filled = np.where(np.isnan(forward), backward, np.where(np.isnan(backward), forward, mixed))
    return filled.astype(np.float32)


def _moved(motion: Motion, steps: float) -> Trajectory:
    """Points some steps along the motion."""
    height, width = motion.u.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return Trajectory(
        (x + steps * motion.u).astype(np.float32), (y + steps * motion.v).astype(np.float32)
    )
