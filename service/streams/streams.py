"""What the stream routes call besides the intake of frames: one method each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from echocast.model.errors import ContractViolation
from echocast.model.verification.counts import METHODS
from echocast.service.auth.account import current_account
from echocast.service.decoding.pool import Pool
from echocast.service.decoding.rendering_cache import RenderingCache
from echocast.service.fetching.source_state import SourceState
from echocast.service.streams.declaration import StorageBody, StreamChange, StreamDeclaration
from echocast.service.streams.drift import StreamDrift
from echocast.service.streams.frame_intake import FrameIntake
from echocast.service.streams.latest import LatestForecasts
from echocast.service.streams.places import Places
from echocast.service.streams.sample_floors import SampleFloors
from echocast.service.streams.schemas import (
    DiskView,
    FetchingView,
    NowcastList,
    NowcastView,
    StreamList,
    StreamView,
)
from echocast.service.streams.scores import last_day, verification
from echocast.service.streams.source_states import SourceStates
from echocast.service.streams.verification_schemas import StreamVerification
from echocast.workers.archive.object_files import stream_files
from echocast.workers.engine.client import EngineClient
from echocast.workers.jobs.queue import Publisher
from echocast.workers.jobs.store import REQUEST_PATIENCE_SECONDS
from echocast.workers.runtime.tracing import Tracing
from echocast.workers.settings import WorkerSettings
from echocast.workers.streams.count_sums import CountSums
from echocast.workers.streams.disk_use import DiskUse
from echocast.workers.streams.drift import drift_state
from echocast.workers.streams.forecast_store import IssuedForecast
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.removal import StreamRemoval
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Stream

LONGEST_LISTING = timedelta(days=31)
LONGEST_VERIFICATION = timedelta(days=400)


@dataclass(frozen=True)
class Streams:
    """Streams as the gateway sees them.

    Args:
        stores: The files.
        intake: Takes frames in.
        latest: Hands forecasts out.
        places: Forecasts and frames at a place.
        renderings: Pictures of forecasts.
        sums: The engine's sums.
        engine: The connection they use.
        floors: Sizes below which a sample is small.
        removal: Deletes them, and declares others after that.
        sources: What fetchers reported.
        default_gb: GB that a stream may take which declares no limit; None: a share of the disk.
    """

    stores: StreamStores
    intake: FrameIntake
    latest: LatestForecasts
    places: Places
    renderings: RenderingCache
    sums: CountSums
    engine: EngineClient
    floors: SampleFloors
    removal: StreamRemoval
    sources: SourceStates
    default_gb: float | None

    @classmethod
    def from_settings(
        cls,
        settings: WorkerSettings,
        decoders: Pool,
        renderers: Pool,
        renderings: RenderingCache,
        tracing: Tracing,
    ) -> Self:
        """The streams of one gateway; they connect to the engine when they first need to."""
        stores = StreamStores.of(stream_files(settings))
        floors = SampleFloors.of(settings)
        engine = EngineClient(settings.engine_url, REQUEST_PATIENCE_SECONDS)
        sums, latest = CountSums(engine), LatestForecasts(stores, renderings)
        return cls(
            stores=stores,
            intake=FrameIntake(stores, decoders, Publisher(settings.engine_url), tracing),
            latest=latest,
            places=Places(stores, latest, renderers),
            renderings=renderings,
            sums=sums,
            engine=engine,
            floors=floors,
            removal=StreamRemoval(stores, sums),
            sources=SourceStates(engine),
            default_gb=settings.stream_retention_gb,
        )

    async def declare(self, name: str, body: StreamDeclaration) -> tuple[StreamView, bool]:
        """Declare a stream; its view and whether it is new.

        Raises:
            StreamConflict: It was declared with another grid, step or unit, or is being deleted.
        """
        _, new = await asyncio.to_thread(self.removal.declare, body.stream(name))
        return await self.view(name), new

    async def change(self, name: str, body: StreamChange) -> StreamView:
        """Pause a stream or resume it, or change its lead times; its view.

        Raises:
            UnknownStream: There is none.
            ContractViolation: There cannot be so many lead times.
        """
        if "leads" in body.stated:
            await asyncio.to_thread(self.stores.streams.set_leads, name, body.leads)
        if "paused" in body.stated:
            await asyncio.to_thread(self.stores.streams.pause, name, paused=body.paused)
        return await self.view(name)

    async def delete(self, name: str) -> None:
        """Delete a stream with all that is stored of it.

        Raises:
            UnknownStream: There is none.
            EngineUnavailable: The engine does not answer; nothing was deleted.
        """
        await asyncio.to_thread(self.removal.delete, name)

    async def note_source(self, name: str, state: SourceState) -> None:
        """Note how the source of a stream does.

        Raises:
            UnknownStream: There is none.
            EngineUnavailable: The engine does not answer.
        """
        await self.stream(name)
        await asyncio.to_thread(self.sources.put, name, state)

    async def stream(self, name: str) -> Stream:
        """The stream of that name.

        Raises:
            UnknownStream: There is none.
        """
        return await asyncio.to_thread(self.stores.streams.stream, name)

    async def view(self, name: str) -> StreamView:
        """The state of a stream.

        Raises:
            UnknownStream: There is none.
        """
        return await asyncio.to_thread(self._whole_view, name)

    async def everything(self) -> StreamList:
        """All streams that the caller's key may use."""
        key = current_account.get().key

        def views() -> list[StreamView]:
            names = self.stores.streams.names()
            names = [name for name in names if key is None or key.may_use(name)]
            sources = self.sources.of(names)
            return [self._view(name, sources) for name in names]

        return StreamList(streams=await asyncio.to_thread(views))

    def _whole_view(self, name: str) -> StreamView:
        return self._view(name, self.sources.of([name]), with_disk=True)

    def _view(
        self, name: str, sources: Mapping[str, SourceState], *, with_disk: bool = False
    ) -> StreamView:
        stream = self.stores.streams.stream(name)
        origin = self.stores.streams.origin(name)
        latest = self.stores.forecasts.latest(name)
        return StreamView.of(
            stream,
            origin.grid if origin else stream.grid,
            self.stores.frames.newest_time(name),
            latest.forecast_reference_time if latest else None,
            self.stores.frames.aside.newest(name),
            DiskView.of(DiskUse.of(self.stores, stream, self.default_gb)) if with_disk else None,
            FetchingView.of(sources[name]) if name in sources else None,
        )

    async def nowcasts(
        self, name: str, first: datetime | None, last: datetime | None
    ) -> NowcastList:
        """Forecasts whose reference times lie in a span; without bounds, the newest day.

        Raises:
            ContractViolation: The span is longer than a month.
        """
        await self.stream(name)
        span = await self._span(name, first, last, LONGEST_LISTING)
        forecasts = await asyncio.to_thread(self.stores.forecasts.listing, name, span)
        views = [_nowcast(issued) for issued in forecasts if issued.served and issued.path]
        return NowcastList(stream=name, nowcasts=views)

    async def verification(
        self, name: str, first: datetime | None, last: datetime | None, methods: Sequence[str]
    ) -> StreamVerification:
        """How good the forecasts were; without bounds, over the newest day.

        Raises:
            ContractViolation: There is no such method, or the span is longer than the sums reach.
            EngineUnavailable: The engine, which holds the sums, does not answer.
        """
        await self.stream(name)
        if unknown := sorted(set(methods) - set(METHODS)):
            raise ContractViolation(
                f"The methods are {', '.join(METHODS)}; {unknown[0][:40]!r} is none.", rule="method"
            )
        span = await self._span(name, first, last, LONGEST_VERIFICATION)
        return await asyncio.to_thread(
            verification, self.sums, name, span, self.floors, methods or METHODS
        )

    async def drift(self, name: str) -> StreamDrift:
        """Whether the model of a stream drifts.

        Raises:
            UnknownStream: There is none.
            EngineUnavailable: The engine, which holds the state, does not answer.
        """
        await self.stream(name)
        return StreamDrift.of(name, await asyncio.to_thread(drift_state, self.engine, name))

    async def skill_picture(self, view: StreamVerification) -> bytes:
        """Scores by lead time as a PNG."""
        title = f"{view.stream}: {view.first:%Y-%m-%d %H:%M} to {view.last:%Y-%m-%d %H:%M} UTC"
        return await self.renderings.draw(
            {"op": "skill", "verification": view.model_dump(mode="json"), "title": title}, ".png"
        )

    async def _span(
        self, name: str, first: datetime | None, last: datetime | None, longest: timedelta
    ) -> TimeSpan:
        newest = await asyncio.to_thread(self.stores.frames.newest_time, name, implausible=True)
        until = last.astimezone(UTC) if last else newest or datetime.now(UTC)
        since = first.astimezone(UTC) if first else last_day(until).first
        if since > until:
            raise ContractViolation(
                f"'from' ({since.isoformat()}) must not come after 'to' ({until.isoformat()}).",
                rule="span",
            )
        if until - since > longest:
            raise ContractViolation(
                f"A span of {(until - since).days} days is requested; at most {longest.days} can be"
                " answered at once.",
                rule="span",
            )
        return TimeSpan(since, until)

    def close(self) -> None:
        """Close all connections."""
        self.intake.publisher.close()
        self.engine.close()


def _nowcast(issued: IssuedForecast) -> NowcastView:
    return NowcastView(
        id=issued.id,
        forecast_reference_time=issued.forecast_reference_time,
        valid_times=list(issued.valid_times),
        model=f"{issued.model_name}/{issued.model_version}",
        quality=dict(issued.quality),
        issued=issued.issued,
        reduced_to=StorageBody(**issued.reduced_to.to_json()) if issued.reduced_to else None,
    )
