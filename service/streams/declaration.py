"""What is declared of a stream and changed in it, as OpenAPI describes it."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from echocast.model.formats.forecast_storage import (
    LONGEST_LEAD_MINUTES,
    PRODUCTS,
    ForecastStorage,
)
from echocast.model.formats.grid_checks import checked_grid
from echocast.model.formats.kilometres import in_true_units
from echocast.model.formats.projections import declared_mapping
from echocast.model.formats.reading_words import MEANINGS
from echocast.model.grid import Grid
from echocast.model.horizon import MOST_LEADS
from echocast.service.http.described_model import DescribedModel
from echocast.workers.streams.stream import (
    LARGEST_RETENTION_GB,
    LONGEST_GAP_MINUTES,
    LONGEST_RETENTION_DAYS,
    LONGEST_STEP_MINUTES,
    UNITS,
    USUAL_STORAGE,
    Stream,
)
from echocast.workers.streams.stream_source import StreamSource


def described(default: Any = ..., **schema: Any) -> Any:
    """A field whose rule is checked, by a better message, where a stream is made of it."""
    return Field(default, json_schema_extra=schema)


class GridBody(BaseModel):
    """Where the pixels are."""

    model_config = ConfigDict(extra="forbid", strict=True)  # true is no coordinate

    y: list[float] = Field(min_length=16, max_length=8192)
    x: list[float] = Field(min_length=16, max_length=8192)
    units: str = "1"
    crs: dict[str, object] = Field(default_factory=dict)

    def grid(self) -> Grid:
        """The grid; checked.

        Raises:
            ContractViolation: The coordinates make no grid, or the projection is none.
        """
        crs = declared_mapping(self.crs)
        y, x = np.asarray(self.y, dtype=float), np.asarray(self.x, dtype=float)
        units, crs, _ = in_true_units(y, x, self.units, crs)
        return checked_grid(y, x, units, crs, "the declaration")


class StorageBody(DescribedModel):
    """What of a forecast stays in its file; the default product and extrapolation always do."""

    model_config = ConfigDict(extra="forbid", strict=True)

    products: list[str] = described(
        [*USUAL_STORAGE.products], items={"type": "string", "enum": [*PRODUCTS]}
    )
    """Those that stay; ``sharp`` and ``expected`` are not even written where they are left out,
    ``probabilities`` are scored first."""
    longest_lead_minutes: float | None = described(
        None, exclusiveMinimum=0, maximum=LONGEST_LEAD_MINUTES
    )
    """Lead times up to this one stay, once all are scored; left out or null: all."""
    compression_level: int = described(USUAL_STORAGE.compression_level, minimum=1, maximum=9)
    """Of zlib, 1 (fastest) to 9 (smallest); files of small grids are not compressed."""

    def storage(self) -> ForecastStorage:
        """The same; checked.

        Raises:
            ContractViolation: There is no such product or level, or no lead time would be left.
        """
        return ForecastStorage.from_json(self.model_dump())


class ReadingBody(DescribedModel):
    """How frames are read: the part of an image, and what a GeoTIFF or GRIB2 leaves open."""

    model_config = ConfigDict(extra="forbid", strict=True)

    variable: str | None = Field(default=None, max_length=200, description=MEANINGS["variable"])
    units: str | None = Field(default=None, max_length=60, description=MEANINGS["units"])
    gain: float | None = Field(default=None, description=MEANINGS["gain"])
    offset: float | None = Field(default=None, description=MEANINGS["offset"])
    nodata: float | None = Field(default=None, description=MEANINGS["nodata"])
    undetect: float | None = Field(default=None, description=MEANINGS["undetect"])
    at: str | None = Field(default=None, max_length=60, description=MEANINGS["at"])
    radius_km: float | None = Field(default=None, description=MEANINGS["radius_km"])
    bbox: str | None = Field(default=None, max_length=120, description=MEANINGS["bbox"])
    reduce: int = Field(default=1, ge=1, le=16, description=MEANINGS["reduce"])


class SourceBody(DescribedModel):
    """Whose images a stream has, and on which terms; carried into its files and answers."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: str = Field(min_length=1, max_length=200)
    """Agency and product."""
    licence: str = Field(min_length=1, max_length=200)
    """SPDX identifier, or how the agency calls its terms."""
    licence_url: str = Field(pattern="^https?://", max_length=500)
    """Where the terms stand."""
    attribution: str = Field(min_length=1, max_length=500)
    """The sentence that has to stand beside what is made of the images."""


class StreamDeclaration(DescribedModel):
    """What is declared of a stream."""

    model_config = ConfigDict(extra="forbid", strict=True)

    step_minutes: float = described(exclusiveMinimum=0, maximum=LONGEST_STEP_MINUTES)
    """Time between frames, in minutes."""
    units: str = described("dBZ", enum=[*UNITS])
    """Of the frames as they are sent: ``dBZ`` or ``mm/h``."""
    grid: GridBody | None = None
    """Where the pixels are; left out: the grid of the first frame."""
    retention_days: float = described(30.0, minimum=1, maximum=LONGEST_RETENTION_DAYS)
    """Frames and forecasts are removed when they are so much older than the newest frame."""
    auto_nowcast: bool = True
    """Whether a forecast is made from every new frame."""
    newest_only: bool = False
    """Whether frames that waited until a newer one came are not forecast from any more; else they
    are, after the newest."""
    leads: int | None = described(None, minimum=1, maximum=MOST_LEADS)
    """Lead times of each forecast, at most to 120 minutes; those after the network's are
    scale-damped extrapolation of its last one. Left out or null: as many as the network makes."""
    maximum_gap_minutes: float = described(15.0, minimum=0, maximum=LONGEST_GAP_MINUTES)
    """Longest time between two frames that is bridged; one missing frame always is."""
    retention_gb: float | None = described(None, exclusiveMinimum=0, maximum=LARGEST_RETENTION_GB)
    """GB (10^9 bytes) of frames and forecasts, beyond which the oldest are removed; left out or
    null: as much as the service allows each stream (``ECHOCAST_STREAM_RETENTION_GB``)."""
    storage: StorageBody = StorageBody()
    """What of each forecast stays in its file, once it is scored."""
    reading: ReadingBody = ReadingBody()
    """How its frames are read; the query of a frame counts before it."""
    source: SourceBody | None = None
    """Whose images its frames are; left out or null: not said."""

    def stream(self, name: str) -> Stream:
        """The stream of that name.

        Raises:
            ContractViolation: Name, numbers or grid are none that a stream can have.
        """
        fields = self.model_dump(exclude={"grid", "storage", "reading", "source"})
        grid = self.grid.grid() if self.grid else None
        reading = self.reading.model_dump(exclude_defaults=True)
        storage = self.storage.storage()
        source = StreamSource(**self.source.model_dump()) if self.source else None
        return Stream(name, grid=grid, storage=storage, reading=reading, source=source, **fields)


class StreamChange(DescribedModel):
    """What is changed of a stream; what is left out stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    paused: bool = described(False)
    """Whether its frames are refused, and nobody is called when none come."""
    leads: int | None = described(None, minimum=1, maximum=MOST_LEADS)
    """Lead times of forecasts from now on; null: as many as the network makes."""

    @model_validator(mode="after")
    def _states_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("A change states paused, leads, or both.")
        return self

    @property
    def stated(self) -> dict[str, Any]:
        """What changes, by name."""
        return self.model_dump(exclude_unset=True)
