"""Forecasting: which nowcast a frame asks for, from which frames, and how it is issued."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from echocast.model.errors import ContractViolation
from echocast.model.forecast import ForecastStream
from echocast.model.formats.forecast_storage import ForecastStorage
from echocast.model.formats.forecast_writer import write_forecast_stream
from echocast.model.formats.stream_frame import FrameHeader, StreamFrame
from echocast.model.inference.plausible_input import DEGRADED, plausible_input
from echocast.model.registry.registry import RegistryReader, Roles
from echocast.model.sequence.plausibility import PLAUSIBILITY
from echocast.model.verification.counts import CANARY, CHALLENGER, FALLBACK, MODEL
from echocast.workers.errors import Superseded, UnknownStream
from echocast.workers.jobs.job import DEFAULT_PRODUCT, Job, JobRequest, stream_account
from echocast.workers.jobs.job_input import JobInput
from echocast.workers.jobs.origin import UNKNOWN, RequestOrigin
from echocast.workers.jobs.store import JobStore
from echocast.workers.streams.aside_store import SetAside
from echocast.workers.streams.fallback import fallback_forecast
from echocast.workers.streams.forecast_store import COMPARED, IssuedForecast
from echocast.workers.streams.input_frames import ChosenFrames, assemble, choose
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.shadow import ShadowPolicy, candidate_of, is_sampled
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Stream

ENDED_WITHOUT = ("expired", "cancelled")  # worth another try; a failed job is not
POISON = "poison"


class Forecasting:
    """Nowcasts of streams, run through the same queue as all others.

    Args:
        stores: The files.
        jobs: Takes the jobs.
        registry: Knows which models forecast.
        shadow: Who forecasts beside the champion.
    """

    def __init__(
        self, stores: StreamStores, jobs: JobStore, registry: RegistryReader, shadow: ShadowPolicy
    ) -> None:
        self._stores = stores
        self._jobs = jobs
        self._registry = registry
        self._shadow = shadow

    def missing_nowcasts(self, stream: Stream, span: TimeSpan) -> list[datetime]:
        """Frames of a span that ask for a nowcast and have none, newest first."""
        if not stream.auto_nowcast:
            return []
        issued = self._stores.forecasts.listing(stream.name, span)
        served = {forecast.forecast_reference_time for forecast in issued if forecast.served}
        headers = self._stores.frames.headers(stream.name, span, implausible=True)
        times = [h.time for h in headers if not h.late and h.time not in served]
        return [time for time in times[::-1] if not self._is_superseded(stream, time)]

    def _is_superseded(self, stream: Stream, time: datetime) -> bool:
        return stream.newest_only and not self._is_newest(stream, time)

    def _is_newest(self, stream: Stream, time: datetime) -> bool:
        return time == self._stores.frames.newest_time(stream.name, implausible=True)

    def awaits_request(self, stream: Stream, newest: datetime) -> bool:
        """Whether nobody has requested the nowcast of the newest frame yet."""
        request = self._champions_request(stream, newest, newest, self._registry.roles())
        return request is not None and self._is_open(request)

    def request_nowcast(
        self, stream: Stream, time: datetime, newest: datetime, origin: RequestOrigin = UNKNOWN
    ) -> None:
        """Have a nowcast made from the frames up to a time, unless there is one.

        Args:
            stream: Whose frames.
            time: Of the newest one of these.
            newest: Of the newest one of all, which is forecast from first.
            origin: The request that sent it.

        Raises:
            QueueFull: Too many jobs wait; the next sweep requests it again.
        """
        roles = self._registry.roles()
        request = self._champions_request(stream, time, newest, roles, origin)
        if request is None:
            return
        if self._is_poison(request):
            why = "Forecasting from it ended its worker each time."
            self._stores.set_aside(stream.name, time, why)
            return
        self._submit(request)
        for product, reference in self._compared(stream, time, roles).items():
            if reference != roles.champion and self._registry.directory(reference):
                self._submit(replace(self._named(request, reference), product=product))

    def request_comparisons(
        self, stream: Stream, span: TimeSpan, origin: RequestOrigin = UNKNOWN
    ) -> None:
        """Have the canary's forecasts made that were left out beside those that are served.

        Args:
            stream: Whose frames.
            span: Of reference times.
            origin: What asks for it.

        Raises:
            QueueFull: Too many jobs wait; the next sweep requests them again.
        """
        first, roles = self._stores.streams.origin(stream.name), self._registry.roles()
        canary = self._stores.streams.canary(stream.name, roles.canary or roles.champion)
        if first is None or not stream.auto_nowcast or canary == roles.champion:
            return
        if not self._registry.directory(canary):
            return
        issued = self._stores.forecasts.listing(stream.name, span)
        served = {one.forecast_reference_time for one in issued if MODEL in one.roles}
        compared = {one.forecast_reference_time for one in issued if CANARY in one.roles}
        for time in sorted(served - compared, reverse=True):
            frame = self._stores.frames.header(stream.name, time)
            if frame is not None:
                request = _request(stream, frame, first.grid.shape, origin)
                self._submit(replace(self._named(request, canary), product=CANARY))

    def _champions_request(
        self,
        stream: Stream,
        time: datetime,
        newest: datetime,
        roles: Roles,
        origin: RequestOrigin = UNKNOWN,
    ) -> JobRequest | None:
        """The request that a frame makes; None where it asks for no nowcast, or has one."""
        first = self._stores.streams.origin(stream.name)
        frame = self._stores.frames.header(stream.name, time)
        if first is None or frame is None:
            return None
        if not self.missing_nowcasts(stream, TimeSpan(time, time)):
            return None
        request = _request(stream, frame, first.grid.shape, origin)
        return self._named(replace(request, newest=time == newest), roles.champion)

    def _compared(self, stream: Stream, time: datetime, roles: Roles) -> dict[str, str]:
        """Who forecasts beside the champion: the canary always, a candidate now and then."""
        first = roles.canary or roles.champion
        compared = {CANARY: self._stores.streams.canary(stream.name, first)}
        candidate = candidate_of(roles, self._shadow, datetime.now(UTC))
        if candidate is not None and is_sampled(stream.name, time, self._shadow.share):
            compared[CHALLENGER] = candidate.reference
        return compared

    def _named(self, request: JobRequest, model: str) -> JobRequest:
        """A request for a model, which says how many frames go in."""
        name, _, version = model.partition("/")
        shape = (self._registry.network(model).input_frames, *request.shape[1:])
        return replace(request, model_name=name, model_version=version, shape=shape)

    def _is_poison(self, request: JobRequest) -> bool:
        """Whether the nowcast ended its workers, and its newest frame was not sent again."""
        job = self._jobs.get(request.job_id)
        if job is None or job.error is None or job.error.type != POISON:
            return False
        return job.frame_received == request.frame_received

    def _submit(self, request: JobRequest) -> None:
        if self._is_open(request):
            self._jobs.submit(request)

    def _is_open(self, request: JobRequest) -> bool:
        job = self._jobs.get(request.job_id)
        return job is None or job.status in ENDED_WITHOUT or _is_of_an_earlier_frame(job, request)

    def inputs(self, job: Job, input_frames: int, leads: int) -> JobInput:
        """The frames of a stream's job as they are now.

        Args:
            job: Whose.
            input_frames: Frames that its network takes.
            leads: Lead times that its network forecasts.

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
        if self._is_superseded(stream, time) and not self._is_comparable(job):
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
        if job.input_sha != _identity(stream, job.forecast_reference_time):
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


def _is_of_an_earlier_frame(job: Job, request: JobRequest) -> bool:
    """Whether a nowcast failed that was requested before its newest frame was sent again."""
    return job.status == "failed" and job.frame_received != request.frame_received


def _request(
    stream: Stream, frame: FrameHeader, shape: tuple[int, int], origin: RequestOrigin
) -> JobRequest:
    """A job whose identity is the stream and the time: late frames make no second forecast."""
    reference = frame.time
    return JobRequest(
        input_sha=_identity(stream, reference),
        forecast_reference_time=reference,
        model_name="",
        model_version="",
        shape=(0, *shape),
        stream=stream.name,
        account=stream_account(stream.name),
        frame_received=frame.received,
        request_id=origin.request_id,
        traceparent=origin.traceparent,
    )


def _identity(stream: Stream, reference: datetime) -> str:
    """Of a nowcast: another stream of the same name has others."""
    parts = [stream.name, reference.isoformat()]
    parts += [str(stream.generation)] if stream.generation else []
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


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
