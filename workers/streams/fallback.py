"""Fallback: what a stream forecasts without the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from echocast.model.extrapolation.motion import estimate_motion, extrapolate
from echocast.model.forecast import Forecast, ModelIdentity
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.horizon import LeadSource


def fallback_forecast(
    frames: Frames,
    step: timedelta,
    leads: int,
    quality: Mapping[str, str],
    reference: datetime | None = None,
) -> Forecast:
    """A forecast without the network.

    Args:
        frames: One frame is repeated; more are extrapolated along their motion.
        step: Time between frames and between lead times.
        leads: Lead times to forecast.
        quality: What a reader should know.
        reference: Forecast reference time, where that is later than the newest frame.
    """
    reference = reference or frames.times[-1]
    ahead = (reference - frames.times[-1]) // step
    source = LeadSource.EXTRAPOLATION if len(frames) > 1 else LeadSource.PERSISTENCE
    observed = np.clip(frames.reflectivity_dbz, 0, None)
    still = np.broadcast_to(observed[-1], (leads, *frames.grid.shape))
    motion = estimate_motion(observed, frames.grid.pixel_size_km)
    moved = extrapolate(observed[-1], motion, ahead + leads)[ahead:]
    unknown = np.isnan(moved) | np.isnan(still)
    times = [reference + step * (lead + 1) for lead in range(leads)]
    extrapolation, persistence = (
        _timed(frames, times, np.where(unknown, np.nan, values)) for values in (moved, still)
    )
    return Forecast(
        frames=extrapolation if len(frames) > 1 else persistence,
        extrapolation=extrapolation,
        persistence=persistence,
        forecast_reference_time=reference,
        model=ModelIdentity(source.value, "1", ""),
        input_sha256=frames.sha256(),
        quality={**frames.notes, **quality},
        lead_sources=(source,) * leads,
    )


def _timed(frames: Frames, times: Sequence[datetime], values_dbz: FloatArray) -> Frames:
    """Values at their valid times; dry pixels get the product's floor."""
    floored = np.where(values_dbz <= 0, frames.no_rain_dbz, values_dbz).astype(np.float32)
    return frames.derived(floored, times)
