"""The month: a service whose clock goes from frame to frame, and what befalls it on the way."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.exceptions import RedisError

from echocast.workers.errors import EngineUnavailable
from echocast.workers.jobs.store import JobStore
from tests.chaos.callers import Caller
from tests.chaos.disk import SmallDisk
from tests.chaos.ledger import Ledger
from tests.chaos.service import Service
from tests.month.calendar import Fault
from tests.month.clock import DrivenClock
from tests.month.faults import STEPS, free_disk, start_worker
from tests.month.memory import processor_seconds, resident_bytes
from tests.month.mirror import Mirror
from tests.month.radar import Radar
from tests.month.scrapes import Scrapes
from tests.month.weather import Weather

START = datetime(2027, 3, 1, tzinfo=UTC)
NATIONAL, REPLAYED = "national", "replayed"
DELAY = timedelta(minutes=1)  # from valid to sent
FINE = timedelta(seconds=30)  # while the worker is dead: jumps that count as time that passed
REPLAYED_FRAMES = 24
SIDE = 48  # pixels
PROCESSED_SECONDS = 300.0
ENGINE_SECONDS = 60.0  # until an engine that was killed is there again
LOOK_SECONDS = 0.01
QUEUES = ("echocast:waiting", "echocast:running", "echocast:verifying")


@dataclass(frozen=True)
class Sample:
    """What disk and processes take at a time, in bytes; real seconds since the machine's start.

    ``processor`` has the seconds that the processes of each role have used.
    """

    day: float
    stored: int
    free: int
    resident: dict[str, int]
    seconds: float = 0.0
    processor: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Month:
    """Drives a service through a calendar.

    Args:
        service: The service.
        clock: Of all its processes.
        disk: Under its archive; None where there can be none of its own.
        floor_bytes: What must stay free of it.
        step: Between frames.
        ticks: Scrapes a step.
        seed: Of the weather.
        scrapes: Where scrapes go.
        mirror: Where files go.
    """

    service: Service
    clock: DrivenClock
    disk: SmallDisk | None
    floor_bytes: int
    step: timedelta
    ticks: int
    seed: int
    scrapes: Scrapes
    mirror: Mirror
    ledger: Ledger = field(default_factory=Ledger)
    samples: list[Sample] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    without_worker: bool = False
    left_bytes: int | None = None

    def __post_init__(self) -> None:
        self.caller = Caller(self.service, self.ledger, "inspector")
        feeder = Caller(self.service, self.ledger, "feeder")
        self.radar = Radar(feeder, NATIONAL, Weather(self.seed, START, SIDE, self.step))
        settings = self.service.place.settings
        self.jobs = JobStore(
            settings.engine_url, settings.job_policy, patience_seconds=ENGINE_SECONDS
        )
        self.streams = [NATIONAL]

    def run(self, days: float, calendar: list[Fault]) -> Iterator[datetime]:
        """Live through it; the time after each frame."""
        self.radar.declare()
        events = sorted(_events(calendar), key=lambda event: event[0])
        for number in range(1, round(timedelta(days=days) / self.step) + 1):
            valid = START + number * self.step
            for tick in range(1, self.ticks + 1):
                until = valid - self.step + DELAY + tick * self.step / self.ticks
                while events and START + events[0][0] <= until:
                    at, act = events.pop(0)
                    self._pass_until(START + at)
                    act(self)
                self._pass_until(until)
                if tick == self.ticks:
                    self._frame(valid)
                self._scrape()
            self._sample()
            yield valid

    def finish(self) -> None:
        """Give back what a fault that is not over has taken, and wait until all is processed."""
        if self.without_worker:
            start_worker(self)
        if self.left_bytes is not None:
            free_disk(self)
        if self.radar.sent:
            self._await_processed(NATIONAL, self.radar.sent[-1])
        self.jobs.close()

    def _pass_until(self, until: datetime) -> None:
        """Let time pass; where the worker is dead, in small jumps, for all to be noticed."""
        while self.without_worker and self.clock.now + FINE < until:
            self._jump(self.clock.now + FINE)
            self._scrape()
        self._jump(until)

    def _jump(self, until: datetime) -> None:
        """Go ahead; scripts of the engine are run, as they are every few seconds, until one saw it.

        The first may still have the time just before the jump, as if the engine was asleep.
        """
        self.clock.jump_to(until)
        if self.disk is not None and self.left_bytes is not None:
            self.disk.leave(self.left_bytes)
        while self._last_script() < until.timestamp():
            self.jobs.alive_workers()

    def _last_script(self) -> float:
        """When the engine ran a script last, to a second, by its clock."""
        engine = self.jobs.engine
        return float(engine.call(lambda: engine.redis.get("echocast:time")) or 0)

    def _scrape(self) -> None:
        now = self.clock.now
        answer = self.caller.ask("scores", "GET", "/metrics")
        self.scrapes.add(now, answer.text if answer is not None and answer.is_success else None)

    def _frame(self, valid: datetime) -> None:
        accepted = self.radar.look(valid)
        if accepted and not self.without_worker:
            self._await_processed(NATIONAL, accepted[-1])
        for stream in self.streams:
            self.mirror.update(stream)

    def _await_processed(self, stream: str, newest: datetime) -> None:
        """Wait until the newest frame has its forecast and nothing is pending any more."""
        end = time.monotonic() + PROCESSED_SECONDS
        folder = self.service.store / "forecasts" / stream / f"{newest:%Y/%m/%d}"
        issued = folder / f"{newest:%Y%m%dT%H%M%SZ}.json"
        while not (issued.exists() and self._idle()):
            if time.monotonic() > end:
                self.faults.append(f"The frame {newest:%d. %H:%M} of {stream} was not processed.")
                return
            time.sleep(LOOK_SECONDS)

    def _idle(self) -> bool:
        with suppress(EngineUnavailable, RedisError):
            redis = self.jobs.engine.redis
            waiting = sum(redis.zcard(name) for name in QUEUES)
            return not waiting and not redis.hlen("echocast:frames")
        return False

    def _sample(self) -> None:
        store = self.service.store
        usage = shutil.disk_usage(store)
        day = (self.clock.now - START) / timedelta(days=1)
        self.samples.append(
            Sample(
                day,
                usage.used,
                usage.free,
                resident_bytes(self.service),
                time.monotonic(),
                processor_seconds(self.service),
            )
        )

    def await_ready(self) -> None:
        """Wait until the service answers that it is ready."""
        if not self.service.await_ready():
            self.faults.append(f"The service was not ready again at {self.clock.now:%d. %H:%M}.")

    def admin(self, path: str, why: str) -> None:
        """Change what serves."""
        self._change("POST", path, {"why": why})

    def _change(self, method: str, path: str, body: dict[str, object]) -> None:
        answer = self.caller.ask("declare", method, path, json=body)
        if answer is None or not answer.is_success:
            self.faults.append(f"{method} {path} was not done.")

    def expect_served(self, reference: str, *, never: bool = False) -> None:
        """The newest forecast must be that model's, or by no means."""
        folder = self.service.store / "forecasts" / NATIONAL
        newest = max(path for path in folder.glob("*/*/*/*.json") if "_" not in path.name)
        issued = json.loads(newest.read_text())
        served = f"{issued['model_name']}/{issued['model_version']}"
        if (served == reference) == never:
            at, what = f"{self.clock.now:%d. %H:%M}", "another" if never else reference
            self.faults.append(f"{served} made the forecast before {at}, and {what} should have.")

    def change_stream(self, *, paused: bool) -> None:
        """Pause the stream, or have it go on."""
        self._change("PATCH", f"/streams/{NATIONAL}", {"paused": paused})

    def replay(self, first: datetime) -> None:
        """Send an older event to a stream of its own."""
        begin = datetime.fromtimestamp(first.timestamp() // 3600 * 3600, UTC)
        weather = Weather(self.seed + 1, begin, SIDE, self.step)
        radar = Radar(self.radar.caller, REPLAYED, weather)
        radar.declare()
        self.streams.append(REPLAYED)
        for number in range(1, REPLAYED_FRAMES + 1):
            time_of_frame = begin + number * self.step
            radar.look(time_of_frame)
            self._await_processed(REPLAYED, time_of_frame)
        self.mirror.update(REPLAYED)


def _events(calendar: list[Fault]) -> Iterator[tuple[timedelta, Any]]:
    """Begin and end of each fault."""
    for fault in calendar:
        begin, end = STEPS[fault.name]
        yield fault.begin, begin
        yield fault.end, end
