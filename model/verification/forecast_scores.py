"""Verification: counts that add, and the scores that are quotients of sums.

An event is reflectivity >= threshold. Counts are pooled before any division: a mean of per-frame
scores would lose the frames that have no event. Scores that are undefined are NaN (null in JSON).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import numpy as np

from echocast.model.errors import ContractViolation
from echocast.model.forecast import Forecast, ForecastStream
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.grid_difference import grid_difference
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import (
    FORECAST_THRESHOLDS_DBZ,
    ContingencyCounts,
    Ints,
    count_events,
    events,
)


@dataclass(frozen=True)
class Verification:
    """What was counted of a forecast.

    Args:
        counts: Per method, threshold and lead.
        frames: Observed frames counted per lead; 0 where there was no observation.
    """

    counts: ContingencyCounts
    frames: tuple[int, ...]

    def __add__(self, other: Verification) -> Verification:
        """The verification of both samples together.

        Raises:
            ContractViolation: Leads, methods or thresholds differ.
        """
        counts = self.counts + other.counts
        return Verification(
            counts, tuple(a + b for a, b in zip(self.frames, other.frames, strict=True))
        )

    def to_json(self) -> dict[str, Any]:
        """``methods`` -> method -> threshold -> ``leads`` and ``pooled``; undefined is None."""
        methods = {
            method: {
                f"{threshold:g}": self._scores(method, threshold)
                for threshold in self.counts.thresholds_dbz
            }
            for method in self.counts.methods
        }
        return {"methods": methods, "sample": self._sample()}

    def _scores(self, method: str, threshold: float) -> dict[str, Any]:
        leads = [
            {"lead_minutes": minutes, **self.counts.table(method, threshold, lead).scores()}
            for lead, minutes in enumerate(self.counts.lead_minutes)
        ]
        return {"leads": leads, "pooled": self.counts.table(method, threshold).scores()}

    def _sample(self) -> dict[str, Any]:
        """On how much the scores stand: as much for every method and threshold."""
        pixels = self.counts.values[0, 0].sum(-1).tolist()
        columns = zip(self.counts.lead_minutes, self.frames, pixels, strict=True)
        names = ("lead_minutes", "frames", "pixels")
        leads = [dict(zip(names, column, strict=True)) for column in columns]
        return {"frames": sum(self.frames), "pixels": sum(pixels), "leads": leads}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The verification that :meth:`to_json` described."""
        sample = value["sample"]["leads"]
        minutes = tuple(float(lead["lead_minutes"]) for lead in sample)
        named = {
            f"{lead['lead_minutes']:g}|{method}|{threshold}": ContingencyTable.from_json(
                lead
            ).counts
            for method, thresholds in value["methods"].items()
            for threshold, scores in thresholds.items()
            for lead in scores["leads"]
        }
        methods = tuple(value["methods"])
        thresholds = tuple(map(float, value["methods"][methods[0]]))
        counts = ContingencyCounts.of_named(named, methods, thresholds, minutes)
        return cls(counts, tuple(int(lead["frames"]) for lead in sample))


def verify(
    forecast: Forecast,
    observed: Frames | None,
    thresholds_dbz: Sequence[float] = FORECAST_THRESHOLDS_DBZ,
) -> Verification:
    """Count hits, misses, false alarms and correct negatives of every method of a forecast.

    A pixel counts where it was observed and every method has a forecast, so that all methods are
    scored on the same sample. Observations within a tenth of a step of a valid time match it;
    others are ignored; a lead without observation gets zero counts.

    Args:
        forecast: The forecast with its reference methods.
        observed: Later frames on the same grid, or None for none.
        thresholds_dbz: Events are reflectivity >= threshold, in dBZ.

    Returns:
        Counts per method, threshold and lead, and the frames they come from.

    Raises:
        ContractViolation: The observations are on another grid.
    """
    return verify_forecast_stream(forecast.stream(), observed, thresholds_dbz)


def verify_forecast_stream(
    forecast: ForecastStream,
    observed: Frames | None,
    thresholds_dbz: Sequence[float] = FORECAST_THRESHOLDS_DBZ,
) -> Verification:
    """What :func:`verify` counts, of a forecast of which one part at a time is in memory."""
    if observed is not None and not observed.grid.same_as(forecast.grid):
        raise ContractViolation(
            "Observations must be on the grid of the forecast, but"
            f" {grid_difference(forecast.grid, observed.grid)}.",
            rule="grid",
        )
    thresholds, step = tuple(map(float, thresholds_dbz)), forecast.step
    columns, frames = [], []
    for part in forecast.parts:
        methods = {name: method.reflectivity_dbz for name, method in part.methods().items()}
        names = tuple(methods)
        for lead, valid_time in enumerate(part.frames.times):
            match = _match(observed, valid_time, step)
            columns.append(_count([values[lead] for values in methods.values()], match, thresholds))
            frames.append(int(match is not None))
        del part, methods  # before the next part is made
    leads = tuple(forecast.lead_minutes)
    counts = ContingencyCounts(names, thresholds, leads, np.stack(columns, 2))
    return Verification(counts, tuple(frames))


def _match(observed: Frames | None, valid_time: datetime, step: timedelta) -> FloatArray | None:
    """The observation (y, x) nearest to a valid time, if within a tenth of a step of it."""
    if observed is None or not len(observed):
        return None
    gaps = [abs(time - valid_time) for time in observed.times]
    nearest = int(np.argmin([gap.total_seconds() for gap in gaps]))
    close = fits(observed.times[nearest], valid_time, step)
    return observed.reflectivity_dbz[nearest] if close else None


def fits(time: datetime, valid_time: datetime, step: timedelta) -> bool:
    """True where an observation is within a tenth of a step of a valid time."""
    return abs(time - valid_time) <= step / 10


def _count(
    methods: Sequence[FloatArray], observed: FloatArray | None, thresholds: Sequence[float]
) -> Ints:
    """(method, threshold, 4) of fields (y, x); zeros without an observation."""
    if observed is None:
        return np.zeros((len(methods), len(thresholds), 4), np.int64)
    valid = np.isfinite(observed)
    for values in methods:
        valid &= np.isfinite(values)
    forecasts = (events(values[valid], thresholds) for values in methods)
    return count_events(forecasts, events(observed[valid], thresholds))
