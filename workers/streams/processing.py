"""StreamProcessing: what a worker does with frames that came and forecasts that were made."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, Self

import numpy as np

from echocast.model.errors import EchocastError
from echocast.model.extrapolation.motion import estimate_motion
from echocast.model.forecast import ForecastStream
from echocast.model.formats.stream_layout import stamp, time_of
from echocast.model.grid import DEFAULT_PIXEL_KM, FloatArray
from echocast.model.registry.reader import RegistryReader
from echocast.workers.archive.object_files import stream_files
from echocast.workers.engine.client import EngineClient
from echocast.workers.errors import ArchiveError, CallerQueueFull, EngineUnavailable, QueueFull
from echocast.workers.jobs.job import Job
from echocast.workers.jobs.origin import SWEEP, UNKNOWN, RequestOrigin
from echocast.workers.jobs.queue import STREAM, Publisher
from echocast.workers.jobs.store import JobStore
from echocast.workers.retraining.requests import request_retraining
from echocast.workers.settings import WorkerSettings
from echocast.workers.streams.count_sums import CountSums
from echocast.workers.streams.drift import DriftWatch
from echocast.workers.streams.forecasting import Forecasting
from echocast.workers.streams.image_store import ImageStore
from echocast.workers.streams.images import StreamImages
from echocast.workers.streams.nowcast_requests import NowcastRequests
from echocast.workers.streams.paths import HASH_LENGTH, TimeSpan, aside_path
from echocast.workers.streams.poison import Attempt, Attempts
from echocast.workers.streams.removal import StreamRemoval
from echocast.workers.streams.retention import SCORED_FOR, Retention
from echocast.workers.streams.scoring import Scorer
from echocast.workers.streams.shadow import ShadowPolicy
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Stream

WET_DBZ: Final = 10.0
COARSER: Final = 2  # times coarser than a forecast: enough for a mean, at a quarter of the cost
MOST_PUBLISHED = 100  # frames that a sweep publishes again
log = logging.getLogger("echocast.streams")


@dataclass(frozen=True)
class StreamProcessing:
    """The work that streams make; every method may be called again and does nothing then.

    Args:
        stores: The files.
        scorer: Counts.
        requests: Requests nowcasts.
        forecasting: Gives their input, and issues them.
        sums: The engine's sums.
        drift: Distinguishes drift from weather.
        engine: Where gauges and the queue are.
        publisher: Sends messages to workers.
        jobs: Takes the nowcasts.
        attempts: Says which frames end their workers.
        retention: Removes what is too old or too much.
        removal: Clears up after streams that were deleted.
        images: Makes images for maps.
    """

    stores: StreamStores
    scorer: Scorer
    requests: NowcastRequests
    forecasting: Forecasting
    sums: CountSums
    drift: DriftWatch
    engine: EngineClient
    publisher: Publisher
    jobs: JobStore
    attempts: Attempts
    retention: Retention
    removal: StreamRemoval
    images: StreamImages

    @classmethod
    def from_settings(cls, settings: WorkerSettings, patience_seconds: float) -> Self:
        """What a worker does for streams; it connects when it is first used.

        Args:
            settings: Where engine, archive and models are.
            patience_seconds: How long a call tries again while the engine is away.
        """
        stores = StreamStores.of(stream_files(settings))
        jobs = JobStore(settings.engine_url, settings.job_policy, patience_seconds=patience_seconds)
        engine = EngineClient(settings.engine_url, patience_seconds)
        sums = CountSums(engine)
        registry = RegistryReader(settings.models_root)
        scorer = Scorer(stores, sums)
        retrain = partial(request_retraining, engine) if settings.retrain_on_drift else None
        return cls(
            stores=stores,
            scorer=scorer,
            requests=NowcastRequests(stores, jobs, registry, ShadowPolicy.of(settings)),
            forecasting=Forecasting(stores),
            sums=sums,
            drift=DriftWatch(stores, sums, engine, retrain, registry.champion_changes),
            engine=engine,
            publisher=Publisher(settings.engine_url),
            jobs=jobs,
            attempts=Attempts(engine, settings.maximum_attempts),
            retention=Retention(stores, scorer, sums, settings.stream_retention_gb),
            removal=StreamRemoval(stores, sums),
            images=StreamImages(stores, ImageStore(stores.files)),
        )

    def close(self) -> None:
        """Close all connections."""
        self.jobs.close()
        self.publisher.close()
        self.engine.close()

    def process_frame(
        self, name: str, time: datetime, incarnation: str, origin: RequestOrigin = UNKNOWN
    ) -> None:
        """Forecast from a frame and score by it, but first from the stream's newest one.

        Args:
            name: The stream.
            time: Of the frame.
            incarnation: This life of the worker process.
            origin: The request that sent the frame.
        """
        newest = self.stores.frames.newest_time(name, implausible=True)
        if newest and newest > time:
            stream = self.stores.streams.stream(name)
            if self.requests.awaits_request(stream, newest):
                self._attempt(name, newest, incarnation, newest)
        self._attempt(name, time, incarnation, newest or time, origin)

    def _attempt(
        self,
        name: str,
        time: datetime,
        incarnation: str,
        newest: datetime,
        origin: RequestOrigin = UNKNOWN,
    ) -> None:
        """Process a frame; set it aside where it ended too many workers."""
        header = self.stores.frames.header(name, time)
        if header is None:
            return
        frame = f"{name}/{stamp(time)}_{header.sha256[:HASH_LENGTH]}"
        attempt = self.attempts.begin(frame, incarnation)
        if attempt is Attempt.BUSY:
            return
        try:
            if attempt is Attempt.POISON:
                self.stores.set_aside(name, time, "Scoring it ended its worker each time.")
            else:
                self.on_frame(name, time, newest, origin)
        finally:
            self.attempts.end(frame)

    def on_frame(
        self, name: str, time: datetime, newest: datetime, origin: RequestOrigin = UNKNOWN
    ) -> None:
        """A frame came or was replaced: forecast from it, and score what it shows.

        Args:
            name: The stream.
            time: Of the frame.
            newest: Of the stream's newest frame, plausible or not.
            origin: The request that sent the frame.
        """
        stream = self.stores.streams.stream(name)
        self.scorer.examination.examine(stream, time)
        with as_far_as_jobs_may_wait(name):
            self.requests.request_nowcast(stream, time, newest, origin)
        self.scorer.score_span(name, TimeSpan(time, time))
        self.drift.update(name)
        self.images.update_observed(name)
        self.images.update_differences(name)
        if time == newest and self.stores.files.version(aside_path(name, time)) is None:
            self._note_speed(stream, time)

    def issue(self, job: Job, forecast: ForecastStream) -> str:
        """Issue a forecast and score it at frames that were counted before it came; its path."""
        issued = self.forecasting.issue(job, forecast)
        span = TimeSpan(issued.valid_times[0], issued.valid_times[-1])
        try:
            self.scorer.score_at_counted_frames(issued.stream, span)
        except (EngineUnavailable, ArchiveError) as error:
            log.warning("Scoring %s is left to a sweep: %s", issued.id, error)
        if issued.served:
            self.images.update_forecasts(issued.stream)
            self.images.update_differences(issued.stream)
        return issued.path

    def sweep(self) -> int:
        """Publish frames with undone work again; how many were published.

        Nothing is published while messages wait: they may be about just that work.
        """
        self.removal.sweep()
        published = 0
        if self.engine.call(lambda: self.engine.redis.llen(STREAM)):
            return 0
        for name in self.stores.streams.names():
            try:
                published += self._sweep(name)
            except EngineUnavailable:
                raise
            except EchocastError as error:
                log.error("The stream %s can't be swept: %s", name, error)
        return published

    def _sweep(self, name: str) -> int:
        newest = self.stores.frames.newest_time(name, implausible=True)
        if newest is None:
            return 0
        stream = self.stores.streams.stream(name)
        span = TimeSpan(newest - SCORED_FOR, newest)
        pending = self.scorer.pending(name, span)
        undone = pending.expected.keys() - self.sums.added_pairs(name, span)
        undone |= {*pending.missing, *pending.outdated}
        times = sorted({key.valid_time for key in undone}, reverse=True)[:MOST_PUBLISHED]
        for time in times:
            self.publisher.publish(STREAM, f"{name}/{stamp(time)}", SWEEP)
        with as_far_as_jobs_may_wait(name):
            for time in self.requests.missing_nowcasts(stream, span):
                self.requests.request_nowcast(stream, time, newest, SWEEP)
            self.requests.request_comparisons(stream, span, SWEEP)
        return len(times)

    def _note_speed(self, stream: Stream, time: datetime) -> None:
        """How fast the rain moves between the two newest frames, for the gauges."""
        name = stream.name
        origin = self.stores.streams.origin(name)
        later = self.stores.frames.get(name, time)
        earlier = self.stores.frames.get(name, time - stream.step)
        if origin is None or earlier is None or later is None:
            return
        size = origin.grid.pixel_size_km or DEFAULT_PIXEL_KM
        speed = mean_speed_m_s(
            earlier.reflectivity_dbz, later.reflectivity_dbz, stream.step.total_seconds(), size
        )
        self.sums.note_speed(name, speed)


@contextmanager
def as_far_as_jobs_may_wait(stream: str) -> Iterator[None]:
    """A context that ends where the queue is full: the next sweep requests what is left."""
    try:
        yield
    except CallerQueueFull:
        log.info("Older frames of %s wait until those before them are forecast.", stream)
    except QueueFull as error:
        log.warning("Nowcasts of %s wait: %s", stream, error)


def frame_of(message: str) -> tuple[str, datetime]:
    """Stream and time of a message ``<stream>/<time>``."""
    name, _, time = message.partition("/")
    return name, time_of(time)


def mean_speed_m_s(
    earlier_dbz: FloatArray, later_dbz: FloatArray, seconds: float, pixel_km: float
) -> float | None:
    """Mean speed of the rain between two frames, weighted by wet pixels; None without rain."""
    wet = np.nan_to_num(later_dbz, nan=0.0) >= WET_DBZ
    if not wet.any():
        return None
    motion = estimate_motion(np.stack([earlier_dbz, later_dbz]), pixel_km / COARSER)
    pixels = np.hypot(motion.u[wet], motion.v[wet])
    return float(pixels.mean()) * pixel_km * 1000 / seconds
