"""Forecast: what a nowcaster answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.frames import Frames, median_step
from echocast.model.grid import Grid
from echocast.model.horizon import LeadSource
from echocast.model.products import sharp_as_written

PART_PIXELS = 2**19  # of all lead times in a part of a forecast stream, or one lead time


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

    Where the radar did not measure at the reference time, or where the rain of a lead time would
    have come from outside its view, there is no forecast: all methods are NaN in the same pixels.

    Args:
        frames: The default product in dBZ at its valid times: ``csi_optimal`` where the model has
            probabilities and decides by them, else ``expected``. Dry pixels hold
            ``frames.no_rain_dbz``.
        extrapolation: Pure extrapolation along the motion field for the same times, in dBZ.
        persistence: The newest observed frame repeated, in dBZ, NaN where ``frames`` is.
        forecast_reference_time: Valid time of the newest input frame (CF standard name).
        model: Which weights answered.
        expected: The network's own reflectivity in dBZ; None where ``frames`` is just that.
        exceedance_thresholds_dbz: Thresholds of ``exceedance_probability``; may be empty.
        exceedance_probability: Floating (threshold, time, y, x) in 0..1, NaN where missing.
        quality: Notes for the reader, e.g. ``{"pixel_size_km": "assumed 1.0"}``.
        input_sha256: Hash of the input frames.
        lead_sources: What makes each lead time; empty: not stated, as by earlier versions.
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
    lead_sources: tuple[LeadSource, ...] = ()

    @property
    def lead_times(self) -> tuple[timedelta, ...]:
        """Valid time minus reference time, per frame."""
        return tuple(time - self.forecast_reference_time for time in self.frames.times)

    @property
    def lead_minutes(self) -> list[float]:
        """Lead times in minutes, for JSON and pictures."""
        return _minutes(self.lead_times)

    @property
    def product(self) -> str:
        """Name of the product in ``frames``."""
        return "expected" if self.expected is None else "csi_optimal"

    def sharp(self) -> Frames:
        """What it may look like: the expected frames with the intensities of the newest one.

        For looking at, not for scores. What is expected to be dry stays dry.
        """
        expected = self.expected or self.frames
        pairs = zip(expected.reflectivity_dbz, self.persistence.reflectivity_dbz, strict=True)
        values = [sharp_as_written(*pair, expected.no_rain_dbz) for pair in pairs]
        return expected.derived(np.stack(values), expected.times)

    def stream(self) -> ForecastStream:
        """The same in one part."""
        return ForecastStream(
            iter([self]),
            self.frames.times,
            self.frames.grid,
            self.forecast_reference_time,
            self.model,
            self.quality,
            lead_sources=self.lead_sources,
        )

    def methods(self) -> dict[str, Frames]:
        """The forecasts to verify, by method name."""
        return {
            "model": self.frames,
            "extrapolation": self.extrapolation,
            "persistence": self.persistence,
        }


@dataclass(frozen=True, eq=False)
class ForecastStream:
    """A forecast in parts, each computed when it is read.

    Args:
        parts: Forecasts of one or more lead times each, in order; can be read once.
        valid_times: Of all parts together.
        grid: Where the pixels are.
        forecast_reference_time: As in the parts.
        model: As in the parts.
        quality: As in the parts.
        institution: Who makes the forecast; empty: not stated.
        lead_sources: Of all parts together.
    """

    parts: Iterator[Forecast]
    valid_times: tuple[datetime, ...]
    grid: Grid
    forecast_reference_time: datetime
    model: ModelIdentity
    quality: Mapping[str, str]
    institution: str = ""
    lead_sources: tuple[LeadSource, ...] = ()

    @property
    def lead_minutes(self) -> list[float]:
        """Valid times minus reference time, in minutes."""
        return _minutes(time - self.forecast_reference_time for time in self.valid_times)

    @property
    def step(self) -> timedelta:
        """Time between lead times; the lead time where there is one only."""
        times = self.valid_times
        return median_step(times) if len(times) > 1 else times[0] - self.forecast_reference_time

    def with_notes(self, notes: Mapping[str, str]) -> ForecastStream:
        """The same with more notes for the reader."""
        quality = {**self.quality, **notes}
        parts = map(partial(replace, quality=quality), self.parts)
        return replace(self, parts=parts, quality=quality)


def _minutes(leads: Iterable[timedelta]) -> list[float]:
    return [lead.total_seconds() / 60 for lead in leads]


def leads_per_part(pixels: int) -> int:
    """How many lead times of so large a grid a part of a forecast stream has."""
    return max(1, PART_PIXELS // pixels)
