"""Forecasting: from which frames a nowcast of a stream is made, and how it is issued."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from echocast.model.errors import ContractViolation
from echocast.model.forecast import ForecastStream
from echocast.model.formats.forecast_storage import ForecastStorage
from echocast.model.formats.forecast_writer import write_forecast_stream
from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.inference.plausible_input import DEGRADED, plausible_input
from echocast.model.sequence.plausibility import PLAUSIBILITY
from echocast.model.verification.counts import CANARY, FALLBACK, MODEL
from echocast.workers.errors import Superseded, UnknownStream
from echocast.workers.jobs.job import DEFAULT_PRODUCT, Job
from echocast.workers.jobs.job_input import JobInput
from echocast.workers.streams.aside_store import SetAside
from echocast.workers.streams.fallback import fallback_forecast
from echocast.workers.streams.forecast_store import COMPARED, IssuedForecast
from echocast.workers.streams.input_frames import ChosenFrames, assemble, choose
from echocast.workers.streams.nowcast_requests import is_superseded, nowcast_identity
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Stream


class Forecasting:
    """What a job of a stream is given, and what becomes of its forecast."""

    def __init__(self, stores: StreamStores) -> None:
        self._stores = stores

    def inputs(self, job: Job, input_frames: int, leads: int) -> JobInput:
        """The frames of a stream's job as they are now.

        Args:
            job: Whose.
            input_frames: Frames that its network takes.
            leads: Lead times of its forecast.

        Raises:
            ContractViolation: The newest frame is gone.
            UnknownStream: The stream was deleted.
        """
        stream = self.stream_of(job)
        reference = job.forecast_reference_time
        origin = self._stores.streams.origin(stream.name)
        known = self._known(stream, reference, input_frames)
        doubt = self._stores.frames.aside.get(stream.name, reference)
        doubt = doubt if doubt and doubt.kind else None
        while True:
            newest = _newest(stream, reference, known) if doubt else reference
            if (reference not in known and doubt is None) or origin is None:
                raise ContractViolation(
                    f"The stream {stream.name!r} has no frame of {reference.isoformat()} any more.",
                    rule="frame-count",
                )
            choice = choose(stream, newest, known, input_frames)
            observed = self._loaded(stream.name, choice)
            if len(observed) == len(choice.sources):
                break
            known -= set(choice.sources) - observed.keys()  # gone or damaged: as if missing
            doubt = None if newest == reference else doubt
        frames = plausible_input(assemble(origin.grid, choice, observed))
        if choice.complete and newest == reference and DEGRADED not in frames.notes:
            return JobInput(frames, choice.quality)
        notes = {**choice.quality, **_replaced(doubt, newest)}
        fallback = fallback_forecast(frames, stream.step, leads, notes, reference)
        return JobInput(frames, notes, fallback)

    def check_due(self, job: Job) -> None:
        """Whether a job that waited is still needed.

        Raises:
            UnknownStream: The stream was deleted.
            Superseded: It forecasts from its newest frame only, and there is a newer one.
        """
        stream, time = self.stream_of(job), job.forecast_reference_time
        if is_superseded(self._stores, stream, time) and not self._is_comparable(job):
            raise Superseded(
                f"The stream {stream.name!r} has a newer frame than that of {time.isoformat()}."
            )

    def _is_comparable(self, job: Job) -> bool:
        """Whether it is compared with a forecast that is there."""
        time = job.forecast_reference_time
        issued = self._stores.forecasts.listing(job.stream, TimeSpan(time, time))
        return job.product != DEFAULT_PRODUCT and any(one.served for one in issued)

    def stream_of(self, job: Job) -> Stream:
        """The stream of a job.

        Raises:
            UnknownStream: It was deleted, whether or not another one has its name.
        """
        stream = self._stores.streams.stream(job.stream)
        if job.input_sha != nowcast_identity(stream, job.forecast_reference_time):
            raise UnknownStream(f"The stream {stream.name!r} was deleted, and is another one now.")
        return stream

    def _known(self, stream: Stream, reference: datetime, input_frames: int) -> set[datetime]:
        """Valid times of the frames that a nowcast may be made from."""
        reach = TimeSpan(
            reference - (input_frames + 1) * stream.step - 2 * stream.longest_gap, reference
        )
        return {header.time for header in self._stores.frames.headers(stream.name, reach)}

    def _loaded(self, stream: str, choice: ChosenFrames) -> dict[datetime, StreamFrame]:
        """The sources of a choice that are there."""
        frames = {time: self._stores.frames.get(stream, time) for time in choice.sources}
        return {time: frame for time, frame in frames.items() if frame is not None}

    def issue(self, job: Job, forecast: ForecastStream) -> IssuedForecast:
        """Issue the forecast of a stream's job; another worker's, if that was first.

        One forecast is served for each reference time, also where the champion changes meanwhile.

        Raises:
            UnknownStream: The stream was deleted.
        """
        self.stream_of(job)
        sources = forecast.lead_sources
        issued = IssuedForecast(
            id=job.id,
            stream=job.stream,
            forecast_reference_time=job.forecast_reference_time,
            valid_times=forecast.valid_times,
            model_name=forecast.model.name,
            model_version=forecast.model.version,
            roles=self._roles(job, forecast),
            quality=dict(forecast.quality),
            issued=datetime.now(UTC),
            lead_sources=sources if len(set(sources)) > 1 else (),
        )
        storage = at_issue(self._stores.streams.stream(job.stream).storage, issued.roles)
        write = partial(write_forecast_stream, forecast, storage=storage)
        return self._stores.forecasts.issue(issued, write)

    def _roles(self, job: Job, forecast: ForecastStream) -> tuple[str, ...]:
        """As what the forecast is scored: without the network it is no model's."""
        if DEGRADED in forecast.quality:
            return (FALLBACK,)
        if job.product in COMPARED:
            return (job.product,)
        reference = f"{job.model.name}/{job.model.version}"
        same = self._stores.streams.canary(job.stream, reference) == reference
        return (MODEL, CANARY) if same else (MODEL,)


def at_issue(storage: ForecastStorage, roles: Collection[str]) -> ForecastStorage:
    """What is written of a forecast, so that it can be scored.

    What is only compared needs no product; a model's probabilities are scored, too.
    """
    scored = ("probabilities",) if MODEL in roles else ()
    products = () if set(roles) <= COMPARED else storage.products
    return replace(storage, products=tuple(sorted({*products, *scored})))


def _newest(stream: Stream, reference: datetime, known: Collection[datetime]) -> datetime:
    """The frame before an implausible one that a nowcast starts from; that itself without any."""
    near = (time for time in known if reference - time <= stream.longest_gap)
    return max(near, default=reference)


def _replaced(doubt: SetAside | None, newest: datetime) -> dict[str, str]:
    """What a reader should know where the newest frame is implausible."""
    if doubt is None:
        return {}
    made = f"extrapolation of the frames up to {newest.isoformat()}"
    if newest == doubt.time:
        made = "persistence of an implausible image, without any other that is near enough"
    return {
        PLAUSIBILITY: f"The image of {doubt.time.isoformat()} counts as missing. {doubt.why}",
        DEGRADED: f"Made by {made}.",
    }
