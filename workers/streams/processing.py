"""What a worker does for streams: frames that arrived, forecasts that were made."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from echocast.model.errors import EchocastError
from echocast.model.forecast import ForecastStream
from echocast.workers.engine.client import EngineClient
from echocast.workers.errors import ArchiveError, EngineUnavailable, QueueFull
from echocast.workers.jobs.job import Job
from echocast.workers.jobs.queue import STREAM, Publisher
from echocast.workers.jobs.store import JobStore
from echocast.workers.streams.count_sums import CountSums
from echocast.workers.streams.drift import DriftWatch
from echocast.workers.streams.forecasting import Forecasting
from echocast.workers.streams.paths import HASH_LENGTH, TimeSpan, stamp, time_of
from echocast.workers.streams.poison import Attempts
from echocast.workers.streams.rain_speed import mean_speed_m_s
from echocast.workers.streams.retention import remove_old
from echocast.workers.streams.scoring import Scorer
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Stream

SWEPT: Final = timedelta(days=2)  # how far back from the newest frame undone work is looked for
MOST_PUBLISHED = 100  # frames a sweep asks to be seen to again
log = logging.getLogger("echocast.streams")


@dataclass(frozen=True)
class StreamProcessing:
    """The work that streams make; every method may be called again and does nothing then.

    Args:
        stores: The files.
        scorer: Counts.
        forecasting: Orders and issues nowcasts.
        sums: The engine's sums.
        drift: Tells drift from weather.
        engine: Where gauges and the queue are.
        publisher: Tells the workers.
        jobs: Takes the nowcasts.
        attempts: Tell which frames end their workers.
    """

    stores: StreamStores
    scorer: Scorer
    forecasting: Forecasting
    sums: CountSums
    drift: DriftWatch
    engine: EngineClient
    publisher: Publisher
    jobs: JobStore
    attempts: Attempts

    def close(self) -> None:
        """Close all connections."""
        self.jobs.close()
        self.publisher.close()
        self.engine.close()

    def see_to(self, name: str, time: datetime, incarnation: str) -> None:
        """See to a frame that came, unless it ended too many workers: then it is set aside.

        Args:
            name: The stream.
            time: Of the frame.
            incarnation: This life of the worker process.
        """
        header = self.stores.frames.header(name, time)
        if header is None:
            return
        frame = f"{name}/{stamp(time)}_{header.sha256[:HASH_LENGTH]}"
        verdict = self.attempts.begin(frame, incarnation)
        if verdict == "busy":
            return
        try:
            if verdict == "poison":
                self.stores.set_aside(name, time, "Scoring it ended its worker each time.")
            else:
                self.arrived(name, time)
        finally:
            self.attempts.end(frame)

    def arrived(self, name: str, time: datetime) -> None:
        """A frame came or was replaced: forecast from it, and score what it shows."""
        stream = self.stores.streams.stream(name)
        self._order(stream, [time])
        self.scorer.score_span(name, TimeSpan(time, time))
        self.drift.update(name)
        if time == self.stores.frames.newest_time(name):
            self._note_speed(stream, time)

    def _order(self, stream: Stream, times: Iterable[datetime]) -> None:
        """Order nowcasts; where the queue is full, the next sweep does it."""
        try:
            for time in times:
                self.forecasting.order(stream, time)
        except QueueFull as error:
            log.warning("Nowcasts of %s wait: %s", stream.name, error)

    def issue(self, job: Job, forecast: ForecastStream) -> str:
        """Issue a forecast and score it against frames that came before it; its path."""
        issued = self.forecasting.issue(job, forecast)
        span = TimeSpan(issued.valid_times[0], issued.valid_times[-1])
        try:
            self.scorer.score_span(issued.stream, span)
        except (EngineUnavailable, ArchiveError) as error:
            log.warning("Scoring %s is left to a sweep: %s", issued.id, error)
        return issued.path

    def sweep(self) -> int:
        """Have undone work done and old files removed; how many frames were published again.

        Nothing is published while messages wait: they may be about just that work.
        """
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
        newest = self.stores.frames.newest_time(name)
        if newest is None:
            return 0
        stream = self.stores.streams.stream(name)
        span = TimeSpan(newest - SWEPT, newest)
        pending = self.scorer.pending(name, span)
        undone = pending.expected.keys() - self.sums.added_pairs(name, span)
        undone |= {*pending.missing, *pending.outdated}
        times = sorted({key.valid_time for key in undone}, reverse=True)[:MOST_PUBLISHED]
        for time in times:
            self.publisher.publish(STREAM, f"{name}/{stamp(time)}")
        self._order(stream, self.forecasting.due(stream, span))
        remove_old(self.stores, stream, newest)
        return len(times)

    def _note_speed(self, stream: Stream, time: datetime) -> None:
        """How fast the rain moves between the two newest frames, for the gauges."""
        name = stream.name
        origin = self.stores.streams.origin(name)
        later = self.stores.frames.get(name, time)
        earlier = self.stores.frames.get(name, time - stream.step)
        if origin is None or earlier is None or later is None:
            return
        size = origin.grid.pixel_size_km or 1.0
        speed = mean_speed_m_s(
            earlier.reflectivity_dbz, later.reflectivity_dbz, stream.step.total_seconds(), size
        )
        self.sums.note_speed(name, speed)


def arrival(message: str) -> tuple[str, datetime]:
    """Stream and time of a message ``<stream>/<time>``."""
    name, _, time = message.partition("/")
    return name, time_of(time)
