"""What streams take and answer, as OpenAPI describes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from echocast.model.formats.forecast_storage import (
    LONGEST_LEAD_MINUTES,
    PRODUCTS,
    ForecastStorage,
)
from echocast.model.formats.grid_checks import checked_grid
from echocast.model.formats.kilometres import in_true_units
from echocast.model.formats.projections import declared_mapping
from echocast.model.formats.reading_words import MEANINGS
from echocast.model.frames import Grid
from echocast.service.fetching.source_state import SourceState, Status
from echocast.service.http.described_model import DescribedModel
from echocast.service.http.schemas import Answer, Scores
from echocast.workers.streams.aside_store import SetAside
from echocast.workers.streams.disk_use import DiskUse
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
    """What is changed of a stream."""

    model_config = ConfigDict(extra="forbid", strict=True)

    paused: bool
    """Whether its frames are refused, and nobody is called when none come."""


class ImplausibleFrame(Answer):
    """A frame that cannot follow those before it, and counts as missing."""

    time: datetime
    kind: str
    """``vanished``, ``appeared``, ``intensity`` (a jump of it) or ``frozen`` (repeated)."""
    why: str
    """What was found, and how much rain can do."""


class DiskView(Answer):
    """What frames, forecasts and images of a stream take of the disk; GB are 10^9 bytes."""

    gb: float
    gb_a_day: float | None
    """By the newest files; before there are any, by the grid as if it rained everywhere."""
    limit_gb: float
    """Beyond which the oldest are removed."""
    days_left: float | None
    """Until the first are removed: by age, by the limit, or as the disk is full."""
    summary: str

    @classmethod
    def of(cls, use: DiskUse) -> Self:
        """The view of what a stream takes."""
        return cls(
            gb=use.gb,
            gb_a_day=use.gb_a_day,
            limit_gb=use.limit_gb,
            days_left=use.days_left,
            summary=use.summary,
        )


class FetchingView(SourceState):
    """The source of a stream's frames, as ``echocast fetch`` last reported it."""

    status: Status
    """``current``, ``late`` (an image is missed), ``empty`` (there was none yet) or ``silent``
    (nothing was heard of the fetcher)."""
    sentence: str
    """Its state, for people."""

    @classmethod
    def of(cls, state: SourceState) -> Self:  # type: ignore[override]
        """The view of a state now."""
        now = datetime.now(UTC)
        status, sentence = state.status_at(now), state.in_words(now)
        return cls(**state.model_dump(), status=status, sentence=sentence)


class StreamView(Answer):
    """The state of a stream."""

    name: str
    step_minutes: float
    units: str
    retention_days: float
    auto_nowcast: bool
    newest_only: bool
    """Whether frames that waited until a newer one came are not forecast from any more."""
    maximum_gap_minutes: float
    retention_gb: float | None
    """As declared; null: as much as the service allows each stream, see ``disk``."""
    paused: bool
    """Whether its frames are refused, and nobody is called when none come."""
    storage: StorageBody
    """What of each forecast stays in its file, once it is scored."""
    reading: ReadingBody
    """How its frames are read."""
    source: SourceBody | None
    """Whose images its frames are, and on which terms; null: not said."""
    shape: tuple[int, int] | None
    """Pixels along y and x; null until the first frame, where no grid was declared."""
    newest_frame: datetime | None
    latest_forecast: datetime | None
    """Reference time of the newest forecast."""
    set_aside: list[datetime]
    """Frames of the newest two days that ended their workers and now count as missing; sent again
    with ``replace=true`` they are tried again."""
    implausible: list[ImplausibleFrame]
    """Frames of the newest two days that cannot follow those before them and count as missing; sent
    again with ``replace=true`` they are believed."""
    disk: DiskView | None = None
    """Not in lists."""
    fetching: FetchingView | None = None
    """How the fetcher of its frames does; null: they are sent otherwise, or the engine is away."""

    @classmethod
    def of(
        cls,
        stream: Stream,
        grid: Grid | None,
        newest: datetime | None,
        latest: datetime | None,
        set_aside: Sequence[SetAside],
        disk: DiskView | None,
        fetching: FetchingView | None,
    ) -> Self:
        """The view of a stream."""
        shown = stream.__dict__.keys() - {"grid", "generation", "storage", "reading", "source"}
        fields = {name: getattr(stream, name) for name in shown}
        shape = grid.shape if grid else None
        return cls(
            shape=shape,
            newest_frame=newest,
            latest_forecast=latest,
            set_aside=[one.time for one in set_aside if not one.kind],
            implausible=[ImplausibleFrame(**asdict(one)) for one in set_aside if one.kind],
            disk=disk,
            fetching=fetching,
            storage=StorageBody(**stream.storage.to_json()),
            reading=ReadingBody(**stream.reading),
            source=SourceBody(**asdict(stream.source)) if stream.source else None,
            **fields,
        )


class StreamList(Answer):
    """All streams."""

    streams: list[StreamView]


class FrameView(Answer):
    """A frame that was accepted."""

    stream: str
    time: datetime
    """The place in the stream's rhythm that it takes, UTC."""
    sha256: str
    """Hash of time and values: the same frame always has the same."""
    outcome: Literal["created", "same", "replaced"]
    late: bool
    """A later frame was there already: this one is used for scores, not for a forecast."""


class NowcastView(Answer):
    """A forecast that the stream issued."""

    id: str
    """Id of its job: the forecast is at ``/nowcast/{id}/forecast``."""
    forecast_reference_time: datetime
    valid_times: list[datetime]
    model: str
    """``name/version``; ``extrapolation/1`` or ``persistence/1`` where frames were missing."""
    quality: dict[str, str]
    issued: datetime
    reduced_to: StorageBody | None
    """What is left of its file since it was scored; null: all of it."""


class NowcastList(Answer):
    """Forecasts of a stream, oldest first."""

    stream: str
    nowcasts: list[NowcastView]


class PointForecast(Answer):
    """The newest forecast at one place; all lists go with ``valid_times``."""

    stream: str
    forecast_reference_time: datetime
    latitude: float
    longitude: float
    row: int
    column: int
    valid_times: list[datetime]
    lead_minutes: list[float]
    reflectivity_dbz: list[float | None]
    """In dBZ; null where there is no forecast."""
    extrapolation_dbz: list[float | None]
    expected_dbz: list[float | None]
    """The product ``expected``, which has the least squared error, in dBZ; empty where the
    forecast has none beside the default product."""
    rain_rate_mm_h: list[float | None]
    """By the stream's Z-R relation."""
    expected_rain_rate_mm_h: list[float | None]
    """``expected_dbz`` by the same relation."""
    zr: dict[str, float]
    exceedance_probability: dict[str, list[float | None]]
    """Threshold in dBZ -> probabilities; empty where the model has none."""
    radar_coverage: list[bool]
    """Whether the radar's view allows a forecast of that time there."""
    quality: dict[str, str]
    not_stored: list[str]
    """What the stream's ``storage`` leaves out of this forecast; nothing is computed instead."""


class StreamLeadScores(Scores):
    """Scores at one lead time."""

    lead_minutes: float
    forecasts: int
    """How many forecasts were compared with a frame (count)."""


class StreamThreshold(Answer):
    """Scores of one method at one threshold."""

    leads: list[StreamLeadScores]
    pooled: Scores
    """All leads together; near leads dominate."""


class ReliabilityClass(Answer):
    """One class of forecast probabilities."""

    probability: float
    """Middle of the class."""
    pixels: int
    observed_frequency: float | None


class ScoreSample(Answer):
    """The sample of the model's scores at a threshold, all lead times together."""

    pixels: int
    """Pixels with a hit, a miss or a false alarm (count)."""
    blocks: int
    """Blocks of six hours with such pixels (count)."""
    storms: int
    """Observed storms of 10 km2 or more, counted in the first frame of each hour."""
    enough: bool
    """Whether all three reach the service's floors; if not, weather decides the scores."""


class StreamVerification(Answer):
    """How good a stream's forecasts were: counts, and the scores that are their quotients."""

    stream: str
    first: datetime
    """Beginning of the first hour that counts, by valid time."""
    last: datetime
    """End of the last hour that counts."""
    methods: dict[str, dict[str, StreamThreshold]]
    """Method -> threshold in dBZ -> scores."""
    samples: dict[str, ScoreSample]
    """Threshold in dBZ -> the sample of its scores."""
    floors: dict[str, int]
    """Smallest sample of a reliable score: pixels, blocks, storms."""
    paired_skill: dict[str, list[float | None]]
    """Threshold in dBZ -> for each lead (CSI_model - CSI_ref) / (1 - CSI_ref) against decoded
    extrapolation; null where fewer than 1000 pixels were events of either."""
    reliability: dict[str, list[ReliabilityClass]]
    corrections: int
    """How often counts were replaced because a frame was, since the index was made."""
