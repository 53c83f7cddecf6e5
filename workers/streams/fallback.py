"""What is forecast where the network has too few frames: extrapolation, else persistence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np

from echocast.model.extrapolation.motion import FloatArray, estimate_motion, extrapolate
from echocast.model.forecast import Forecast, ModelIdentity
from echocast.model.frames import Frames

LEADS = 10


def degraded(frames: Frames, step: timedelta, quality: Mapping[str, str]) -> Forecast:
    """A forecast without the network.

    Args:
        frames: One frame is repeated; more are extrapolated along their motion.
        step: Time between frames and between lead times.
        quality: What a reader should know.
    """
    name = "extrapolation" if len(frames) > 1 else "persistence"
    observed = np.clip(frames.reflectivity_dbz, 0, None)
    still = np.broadcast_to(observed[-1], (LEADS, *frames.grid.shape))
    motion = estimate_motion(observed, frames.grid.pixel_size_km)
    moved = extrapolate(observed[-1], motion, LEADS)
    unknown = np.isnan(moved) | np.isnan(still)
    extrapolation, persistence = (
        _timed(frames, step, np.where(unknown, np.nan, values)) for values in (moved, still)
    )
    return Forecast(
        frames=extrapolation if len(frames) > 1 else persistence,
        extrapolation=extrapolation,
        persistence=persistence,
        forecast_reference_time=frames.times[-1],
        model=ModelIdentity(name, "1", ""),
        input_sha256=frames.sha256(),
        quality=quality,
    )


def _timed(frames: Frames, step: timedelta, values_dbz: FloatArray) -> Frames:
    """Values at their valid times; dry pixels get the product's floor."""
    times = [frames.times[-1] + step * (lead + 1) for lead in range(LEADS)]
    floored = np.where(values_dbz <= 0, frames.no_rain_dbz, values_dbz).astype(np.float32)
    return frames.with_values(floored, times)
