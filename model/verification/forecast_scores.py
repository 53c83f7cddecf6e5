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
from numpy.typing import NDArray

from echocast.model.errors import ContractViolation
from echocast.model.forecast import ComingForecast, Forecast
from echocast.model.frames import Frames
from echocast.model.grid_difference import grid_difference
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import FORECAST_THRESHOLDS_DBZ

Tables = Mapping[str, Mapping[float, tuple[ContingencyTable, ...]]]


@dataclass(frozen=True)
class Verification:
    """Contingency tables per method, threshold and lead.

    Args:
        lead_minutes: Lead of each column of tables, in minutes.
        tables: method -> threshold in dBZ -> one table per lead.
        frames: Observed frames counted per lead; 0 where there was no observation.
    """

    lead_minutes: tuple[float, ...]
    tables: Tables
    frames: tuple[int, ...]

    def __add__(self, other: Verification) -> Verification:
        """The verification of both samples together.

        Raises:
            ContractViolation: Leads, methods or thresholds differ.
        """
        if self._layout() != other._layout():
            raise ContractViolation(
                "Verifications add only where leads, methods and thresholds agree, but one has"
                f" {self._layout()} and the other {other._layout()}.",
                rule="verification-layout",
            )
        tables = {
            method: {
                threshold: tuple(
                    map(ContingencyTable.__add__, row, other.tables[method][threshold])
                )
                for threshold, row in thresholds.items()
            }
            for method, thresholds in self.tables.items()
        }
        frames = tuple(a + b for a, b in zip(self.frames, other.frames, strict=True))
        return Verification(self.lead_minutes, tables, frames)

    def _layout(self) -> tuple[Any, ...]:
        return self.lead_minutes, {method: tuple(rows) for method, rows in self.tables.items()}

    def pooled(self, method: str, threshold_dbz: float) -> ContingencyTable:
        """The table of all leads together."""
        return sum(self.tables[method][threshold_dbz], ContingencyTable())

    def to_json(self) -> dict[str, Any]:
        """``methods`` -> method -> threshold -> ``leads`` and ``pooled``; undefined is None."""
        methods = {
            method: {
                f"{threshold:g}": {
                    "leads": [
                        {"lead_minutes": lead, **table.scores()}
                        for lead, table in zip(self.lead_minutes, row, strict=True)
                    ],
                    "pooled": self.pooled(method, threshold).scores(),
                }
                for threshold, row in thresholds.items()
            }
            for method, thresholds in self.tables.items()
        }
        return {"methods": methods, "sample": self._sample()}

    def _sample(self) -> dict[str, Any]:
        first = next((row for rows in self.tables.values() for row in rows.values()), ())
        leads = [
            {"lead_minutes": lead, "frames": frames, "pixels": table.total}
            for lead, frames, table in zip(self.lead_minutes, self.frames, first, strict=True)
        ]
        total = sum(first, ContingencyTable()).total
        return {"frames": sum(self.frames), "pixels": total, "leads": leads}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The verification that :meth:`to_json` described."""
        tables = {
            method: {
                float(threshold): tuple(
                    ContingencyTable.from_json(lead) for lead in scores["leads"]
                )
                for threshold, scores in thresholds.items()
            }
            for method, thresholds in value["methods"].items()
        }
        leads = value["sample"]["leads"]
        return cls(
            tuple(float(lead["lead_minutes"]) for lead in leads),
            tables,
            tuple(int(lead["frames"]) for lead in leads),
        )


def verify(
    forecast: Forecast,
    observed: Frames | None,
    thresholds_dbz: Sequence[float] = FORECAST_THRESHOLDS_DBZ,
) -> Verification:
    """Count hits, misses, false alarms and correct negatives of every method of a forecast.

    A pixel counts where it was observed and every method has a forecast, so that all methods are
    judged on the same sample. Observations within a tenth of a step of a valid time match it;
    others are ignored; a lead without observation gets zero counts.

    Args:
        forecast: The forecast with its reference methods.
        observed: Later frames on the same grid, or None for none.
        thresholds_dbz: Events are reflectivity >= threshold, in dBZ.

    Returns:
        One table per method, threshold and lead.

    Raises:
        ContractViolation: The observations are on another grid.
    """
    return verify_coming(forecast.coming(), observed, thresholds_dbz)


def verify_coming(
    forecast: ComingForecast,
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
        for lead, valid_time in enumerate(part.frames.times):
            match = _match(observed, valid_time, step)
            said = {name: values[lead] for name, values in methods.items()}
            columns.append(_count(said, match, thresholds))
            frames.append(int(match is not None))
        del part, methods, said  # before the next part is made
    tables = {
        name: {
            threshold: tuple(column[name][threshold] for column in columns)
            for threshold in thresholds
        }
        for name in columns[0]
    }
    return Verification(tuple(forecast.lead_minutes), tables, tuple(frames))


def _match(
    observed: Frames | None, valid_time: datetime, step: timedelta
) -> NDArray[np.float32] | None:
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
    methods: Mapping[str, NDArray[np.float32]],
    observed: NDArray[np.float32] | None,
    thresholds: Sequence[float],
) -> dict[str, dict[float, ContingencyTable]]:
    """One table per method and threshold of fields (y, x); empty ones without an observation."""
    if observed is None:
        return {name: dict.fromkeys(thresholds, ContingencyTable()) for name in methods}
    valid = np.isfinite(observed)
    for values in methods.values():
        valid &= np.isfinite(values)
    seen = observed[valid]
    counted: dict[str, dict[float, ContingencyTable]] = {}
    for name, values in methods.items():
        said = values[valid]
        counted[name] = {t: ContingencyTable.of_events(said >= t, seen >= t) for t in thresholds}
    return counted
