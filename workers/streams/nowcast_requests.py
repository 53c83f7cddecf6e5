"""Which nowcasts the frames of a stream ask for, of which models, and which are still missing."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from echocast.model.formats.stream_frame import FrameHeader
from echocast.model.registry.reader import RegistryReader
from echocast.model.registry.roles import Roles
from echocast.model.verification.counts import CANARY, CHALLENGER, MODEL
from echocast.workers.jobs.job import Job, JobRequest, stream_account
from echocast.workers.jobs.origin import UNKNOWN, RequestOrigin
from echocast.workers.jobs.store import JobStore
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.shadow import ShadowPolicy, candidate_of, is_sampled
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Stream

ENDED_WITHOUT = ("expired", "cancelled")  # worth another try; a failed job is not
POISON = "poison"


class NowcastRequests:
    """Nowcasts of streams, requested through the same queue as all others.

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
        return [time for time in times[::-1] if not is_superseded(self._stores, stream, time)]

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
                self._submit(_for_comparison(self._named(request, reference), product))

    def request_comparisons(
        self, stream: Stream, span: TimeSpan, origin: RequestOrigin = UNKNOWN
    ) -> None:
        """Have the canary's forecasts made that were left out beside those that are served.

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
                self._submit(_for_comparison(self._named(request, canary), CANARY))

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


def _for_comparison(request: JobRequest, product: str) -> JobRequest:
    """A request for a forecast that is only compared: the leads of its network are."""
    return replace(request, product=product, leads=None)


def is_superseded(stores: StreamStores, stream: Stream, time: datetime) -> bool:
    """Whether a stream that forecasts from its newest frame only has a newer one."""
    return stream.newest_only and time != stores.frames.newest_time(stream.name, implausible=True)


def _is_of_an_earlier_frame(job: Job, request: JobRequest) -> bool:
    """Whether a nowcast failed that was requested before its newest frame was sent again."""
    return job.status == "failed" and job.frame_received != request.frame_received


def _request(
    stream: Stream, frame: FrameHeader, shape: tuple[int, int], origin: RequestOrigin
) -> JobRequest:
    """A job whose identity is the stream and the time: late frames make no second forecast."""
    reference = frame.time
    return JobRequest(
        input_sha=nowcast_identity(stream, reference),
        forecast_reference_time=reference,
        model_name="",
        model_version="",
        shape=(0, *shape),
        stream=stream.name,
        account=stream_account(stream.name),
        frame_received=frame.received,
        request_id=origin.request_id,
        traceparent=origin.traceparent,
        leads=stream.leads,
    )


def nowcast_identity(stream: Stream, reference: datetime) -> str:
    """The identity of a nowcast; another stream of the same name gives another one."""
    parts = [stream.name, reference.isoformat()]
    parts += [str(stream.generation)] if stream.generation else []
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
