"""Forecasting: which nowcast a frame asks for, from which frames, and how it is issued."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np

from echocast.model.errors import ContractViolation
from echocast.model.extrapolation.motion import estimate_motion, extrapolate
from echocast.model.forecast import Forecast, ForecastStream, ModelIdentity
from echocast.model.formats.forecast_writer import write_forecast_stream
from echocast.model.formats.stream_frame import FrameHeader, StreamFrame
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.registry.registry import RegistryReader, Roles
from echocast.model.verification.counts import CANARY, CHALLENGER, FALLBACK, MODEL
from echocast.workers.jobs.job import Job, JobRequest
from echocast.workers.jobs.job_input import JobInput
from echocast.workers.jobs.store import JobStore
from echocast.workers.streams.forecast_store import IssuedForecast
from echocast.workers.streams.input_frames import ChosenFrames, assemble, choose
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.shadow import ShadowPolicy, candidate_of, is_sampled
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Stream

ENDED_WITHOUT = ("expired", "cancelled")  # worth another try; a failed job is not
POISON = "poison"
COMPARED = (CANARY, CHALLENGER)  # products of jobs whose forecasts are scored, never served


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
        """Frames of a span that ask for a nowcast and have none."""
        if not stream.auto_nowcast:
            return []
        issued = self._stores.forecasts.listing(stream.name, span)
        served = {forecast.forecast_reference_time for forecast in issued if forecast.served}
        headers = self._stores.frames.headers(stream.name, span)
        return [h.time for h in headers if not h.late and h.time not in served]

    def request_nowcast(self, stream: Stream, time: datetime) -> None:
        """Have a nowcast made from the frames up to a time, unless there is one.

        Raises:
            QueueFull: Too many jobs wait; the next sweep requests it again.
        """
        origin = self._stores.streams.origin(stream.name)
        frame = self._stores.frames.header(stream.name, time)
        if origin is None or frame is None:
            return
        if not self.missing_nowcasts(stream, TimeSpan(time, time)):
            return
        roles = self._registry.roles()
        request = self._named(_request(stream, frame, origin.grid.shape), roles.champion)
        if self._is_poison(request):
            why = "Forecasting from it ended its worker each time."
            self._stores.set_aside(stream.name, time, why)
            return
        self._submit(request)
        for product, reference in self._compared(stream, time, roles).items():
            if reference != roles.champion and self._registry.directory(reference):
                self._submit(replace(self._named(request, reference), product=product))

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
        job = self._jobs.get(request.job_id)
        if job is None or job.status in ENDED_WITHOUT or _is_of_an_earlier_frame(job, request):
            self._jobs.submit(request)

    def inputs(self, job: Job, input_frames: int, leads: int) -> JobInput:
        """The frames of a stream's job as they are now.

        Args:
            job: Whose.
            input_frames: Frames that its network takes.
            leads: Lead times that its network forecasts.

        Raises:
            ContractViolation: The newest frame is gone.
        """
        stream = self._stores.streams.stream(job.stream)
        reference = job.forecast_reference_time
        reach = TimeSpan(reference - input_frames * stream.step - stream.longest_gap, reference)
        known = {header.time for header in self._stores.frames.headers(stream.name, reach)}
        origin = self._stores.streams.origin(stream.name)
        while True:
            if reference not in known or origin is None:
                raise ContractViolation(
                    f"The stream {stream.name!r} has no frame of {reference.isoformat()} any more.",
                    rule="frame-count",
                )
            choice = choose(stream, reference, known, input_frames)
            observed = self._loaded(stream.name, choice)
            if len(observed) == len(choice.sources):
                break
            known -= set(choice.sources) - observed.keys()  # gone or damaged: as if missing
        frames = assemble(origin.grid, choice, observed)
        if choice.complete:
            return JobInput(frames, choice.quality)
        fallback = fallback_forecast(frames, stream.step, leads, choice.quality)
        return JobInput(frames, choice.quality, fallback)

    def _loaded(self, stream: str, choice: ChosenFrames) -> dict[datetime, StreamFrame]:
        """The sources of a choice that are there."""
        frames = {time: self._stores.frames.get(stream, time) for time in choice.sources}
        return {time: frame for time, frame in frames.items() if frame is not None}

    def issue(self, job: Job, forecast: ForecastStream) -> IssuedForecast:
        """Issue the forecast of a stream's job; another worker's, if that was first.

        One forecast is served for each reference time, also where the champion changes meanwhile.
        """
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
        return self._stores.forecasts.issue(issued, partial(write_forecast_stream, forecast))

    def _roles(self, job: Job, forecast: ForecastStream) -> tuple[str, ...]:
        """As what the forecast is scored: without the network it is no model's."""
        if "degraded" in forecast.quality:
            return (FALLBACK,)
        if job.product in COMPARED:
            return (job.product,)
        reference = f"{job.model.name}/{job.model.version}"
        same = self._stores.streams.canary(job.stream, reference) == reference
        return (MODEL, CANARY) if same else (MODEL,)


def _is_of_an_earlier_frame(job: Job, request: JobRequest) -> bool:
    """Whether a nowcast failed that was requested before its newest frame was sent again."""
    return job.status == "failed" and job.frame_received != request.frame_received


def _request(stream: Stream, frame: FrameHeader, shape: tuple[int, int]) -> JobRequest:
    """A job whose identity is the stream and the time: late frames make no second forecast."""
    reference = frame.time
    return JobRequest(
        input_sha=hashlib.sha256(f"{stream.name}\n{reference.isoformat()}".encode()).hexdigest(),
        forecast_reference_time=reference,
        model_name="",
        model_version="",
        shape=(0, *shape),
        stream=stream.name,
        frame_received=frame.received,
    )


def fallback_forecast(
    frames: Frames, step: timedelta, leads: int, quality: Mapping[str, str]
) -> Forecast:
    """A forecast without the network.

    Args:
        frames: One frame is repeated; more are extrapolated along their motion.
        step: Time between frames and between lead times.
        leads: Lead times to forecast.
        quality: What a reader should know.
    """
    name = "extrapolation" if len(frames) > 1 else "persistence"
    observed = np.clip(frames.reflectivity_dbz, 0, None)
    still = np.broadcast_to(observed[-1], (leads, *frames.grid.shape))
    motion = estimate_motion(observed, frames.grid.pixel_size_km)
    moved = extrapolate(observed[-1], motion, leads)
    unknown = np.isnan(moved) | np.isnan(still)
    extrapolation, persistence = (
        _timed(frames, step, np.where(unknown, np.nan, values)) for values in (moved, still)
    )
    return Forecast(
        frames=extrapolation if len(frames) > 1 else persistence,
        extrapolation=extrapolation,
        persistence=persistence,
        forecast_reference_time=frames.times[-1],
        model=ModelIdentity(name, "1", ""),
        input_sha256=frames.sha256(),
        quality={**frames.notes, **quality},
    )


def _timed(frames: Frames, step: timedelta, values_dbz: FloatArray) -> Frames:
    """Values at their valid times; dry pixels get the product's floor."""
    times = [frames.times[-1] + step * (lead + 1) for lead in range(len(values_dbz))]
    floored = np.where(values_dbz <= 0, frames.no_rain_dbz, values_dbz).astype(np.float32)
    return frames.derived(floored, times)
