"""What streams answer, as OpenAPI describes it; :mod:`.verification_schemas` has their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Literal, Self

from echocast.model.grid import Grid
from echocast.service.fetching.source_state import SourceState, Status
from echocast.service.http.schemas import Answer
from echocast.service.streams.declaration import ReadingBody, SourceBody, StorageBody
from echocast.workers.streams.aside_store import SetAside
from echocast.workers.streams.disk_use import DiskUse
from echocast.workers.streams.stream import Stream


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
    leads: int | None
    """Lead times of each forecast; null: as many as the network makes."""
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
    """State of their source, by its fetcher; null: no fetcher sends them, or the engine is away."""

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
    lead_sources: list[str]
    """What makes each lead time: ``network``, ``extrapolation`` or ``persistence``; empty where an
    earlier version did not state it."""
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
