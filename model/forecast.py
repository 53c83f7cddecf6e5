"""Forecast: what a nowcaster answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.frames import Frames


@dataclass(frozen=True)
class ModelIdentity:
    """Which weights answered.

    Args:
        name: Name of the model, e.g. ``radar-small``.
        version: Version within the name.
        weights_sha256: Hash of the weights file.
    """

    name: str
    version: str
    weights_sha256: str


@dataclass(frozen=True, eq=False)
class Forecast:
    """Forecast frames with the reference forecast beside them.

    Where the radar did not look at the reference time, or where the rain of a lead time would have
    come from outside its view, there is no forecast: all methods are NaN there, the same pixels.

    Args:
        frames: The default product in dBZ at its valid times: ``csi_optimal`` where the model has
            probabilities and cuts, else ``expected``. Dry pixels hold ``frames.no_rain_dbz``.
        extrapolation: Pure extrapolation along the motion field for the same times, in dBZ.
        persistence: The newest observed frame repeated, in dBZ, NaN where ``frames`` is.
        forecast_reference_time: Valid time of the newest input frame (CF standard name).
        model: Which weights answered.
        expected: The network's own reflectivity in dBZ; None where ``frames`` is just that.
        exceedance_thresholds_dbz: Thresholds of ``exceedance_probability``; may be empty.
        exceedance_probability: Floating (threshold, time, y, x) in 0..1, NaN where missing.
        quality: Notes for the reader, e.g. ``{"pixel_size_km": "assumed 1.0"}``.
        input_sha256: Hash of the input frames.
    """

    frames: Frames
    extrapolation: Frames
    persistence: Frames
    forecast_reference_time: datetime
    model: ModelIdentity
    input_sha256: str
    expected: Frames | None = None
    exceedance_thresholds_dbz: tuple[float, ...] = ()
    exceedance_probability: NDArray[np.floating[Any]] | None = None
    quality: Mapping[str, str] = field(default_factory=dict)

    @property
    def lead_times(self) -> tuple[timedelta, ...]:
        """Valid time minus reference time, per frame."""
        return tuple(time - self.forecast_reference_time for time in self.frames.times)

    @property
    def lead_minutes(self) -> list[float]:
        """Lead times in minutes, for JSON and pictures."""
        return [lead.total_seconds() / 60 for lead in self.lead_times]

    @property
    def product(self) -> str:
        """Name of the product in ``frames``."""
        return "expected" if self.expected is None else "csi_optimal"

    def methods(self) -> dict[str, Frames]:
        """The forecasts to verify, by method name."""
        return {
            "model": self.frames,
            "extrapolation": self.extrapolation,
            "persistence": self.persistence,
        }
