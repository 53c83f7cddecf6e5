"""A frame that ends its worker three times is set aside, and its stream goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.formats.stream_layout import stamp
from echocast.workers.engine.client import EngineClient
from echocast.workers.errors import StreamConflict
from echocast.workers.jobs.job import JobPolicy
from echocast.workers.jobs.queue import STREAM
from echocast.workers.jobs.store import JobStore
from echocast.workers.jobs.worker_info import WorkerInfo
from echocast.workers.streams.poison import FRAMES, Attempt, Attempts
from echocast.workers.streams.processing import StreamProcessing
from echocast.workers.streams.removal import StreamRemoval
from echocast.workers.streams.stream import Origin, Stream
from tests.workers.conftest import World, name_models, until
from tests.workers.streams.stream_bench import (
    ALL,
    GRID,
    SIDE,
    START,
    STEP,
    Bench,
    rain,
    stream_frame,
)
from tests.workers.worker_with_deadly_frames import DEADLY_DBZ

DEADLY = "tests.workers.worker_with_deadly_frames"
FRAME = "radar/20260701T233000Z_0123456789abcdef"


def frame(slot: int, values: np.ndarray, **attributes: str) -> StreamFrame:
    received = datetime.now(UTC)
    return StreamFrame.of(
        START + slot * STEP, values, -32.0, received, late=False, attributes=attributes
    )


class Stage:
    """A stream ``radar`` whose workers are started again where one dies, at most some times."""

    def __init__(self, world: World, module: str) -> None:
        self.world, self.module = world, module
        self.processing: StreamProcessing = StreamProcessing.from_settings(world.settings, 5)
        self.stores = self.processing.stores
        stream, _ = self.stores.streams.declare(Stream("radar", 5))
        self.stores.streams.set_origin(stream, Origin(GRID, 0))
        self.log = (world.settings.data_dir / "worker.log").open("ab")
        self.deaths = 0
        self.worker = world.start_worker(module, self.log)

    def send(self, sent: StreamFrame) -> None:
        self.stores.frames.put("radar", sent, replace=True)
        self.processing.publisher.publish(STREAM, f"radar/{stamp(sent.header.time)}")

    def until(self, condition: Callable[[], object]) -> None:
        """Wait, with a worker as long as it takes."""

        def look() -> object:
            if self.worker.poll() is not None:
                self.deaths += 1
                self.worker = self.world.start_worker(self.module, self.log)
            return condition()

        until(look)

    def served(self) -> list[datetime]:
        return [f.forecast_reference_time for f in self.stores.forecasts.listing("radar", ALL)]

    def aside(self) -> list[datetime]:
        return self.stores.frames.set_aside_times("radar")

    def close(self) -> None:
        self.processing.close()
        self.log.close()


@pytest.fixture
def make_stage(make_world: Callable[..., World], tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def make(module: str) -> Stage:
        name_models(tmp_path, "fake/1")
        world = make_world(models_dir=tmp_path, stream_sweep_seconds=0.3)
        made.append(Stage(world, module))
        return made[-1]

    yield make
    for stage in made:
        stage.close()


def test_a_frame_whose_scoring_kills_three_workers_is_set_aside(
    make_stage: Callable[..., Stage],
) -> None:
    stage = make_stage(DEADLY)
    stage.send(frame(0, rain(1)))
    stage.until(lambda: stage.served() == [START])
    stage.send(frame(1, np.full((SIDE, SIDE), DEADLY_DBZ, np.float32)))
    stage.until(stage.aside)
    assert stage.aside() == [START + STEP]
    assert stage.deaths == 3
    stage.send(frame(2, rain(2)))
    stage.until(lambda: START + 2 * STEP in stage.served())
    stage.until(lambda: "10|forecasts|fallback" in stage.processing.sums.over("radar", ALL))
    assert stage.deaths == 3
    assert stage.worker.poll() is None
    assert "is set aside" in Path(stage.log.name).read_text()
    newest = stage.stores.forecasts.latest("radar")
    assert newest is not None
    assert (START + STEP).isoformat() in newest.quality["bridged"]


def test_a_frame_whose_nowcast_kills_three_workers_is_set_aside(
    make_stage: Callable[..., Stage],
) -> None:
    stage = make_stage("tests.workers.worker_with_fake")
    for slot in range(9):
        stage.stores.frames.put("radar", stream_frame(slot, 10 + slot, late=True), replace=True)
    stage.send(frame(9, rain(1), fake="kill"))
    stage.until(stage.aside)
    assert stage.aside() == [START + 9 * STEP]
    assert stage.deaths == 3
    stage.send(frame(10, rain(2)))
    stage.until(lambda: stage.served() == [START + 10 * STEP])
    stage.send(frame(9, rain(3)))  # whole again
    stage.until(lambda: START + 9 * STEP in stage.served())
    assert stage.aside() == []
    assert stage.deaths == 3


def test_a_frame_set_aside_is_missing_until_it_is_sent_again_to_replace(bench: Bench) -> None:
    frames = bench.stores.frames
    for slot in range(3):
        bench.put(slot, seed=slot)
    bench.issue(0)
    bench.stores.set_aside("radar", START + 2 * STEP, "It was deadly.")
    assert frames.times("radar", ALL) == [START, START + STEP]
    assert [header.time for header in frames.headers("radar", ALL)] == [START, START + STEP]
    assert frames.newest_time("radar") == START + STEP
    assert bench.score() == 3  # two frames, and one forecast that met the second
    with pytest.raises(StreamConflict):
        frames.put("radar", stream_frame(2, 7), replace=False)
    assert frames.put("radar", stream_frame(2, 2), replace=False) == "same"
    assert frames.set_aside_times("radar") == [START + 2 * STEP]
    assert frames.put("radar", stream_frame(2, 2), replace=True) == "replaced"
    assert frames.set_aside_times("radar") == []
    assert bench.score() == 2
    assert bench.agrees()


def test_attempts_count_the_workers_that_died(engine: EngineClient) -> None:
    engine.redis.flushall()
    first, second, third = (Attempts(engine, 2) for _ in range(3))
    assert first.begin(FRAME, "first") is Attempt.BEGUN
    assert second.begin(FRAME, "second") is Attempt.BEGUN
    assert third.begin(FRAME, "third") is Attempt.POISON
    third.end(FRAME)
    assert third.begin(FRAME, "third") is Attempt.BEGUN


def test_the_attempts_at_a_streams_frames_go_with_it(engine: EngineClient, tmp_path: Path) -> None:
    bench = Bench(tmp_path, engine)
    for name in ("radar", "radar-2"):
        bench.stores.streams.declare(Stream(name, 5))
    for stream in ("radar", "radar-2"):
        Attempts(engine, 3).begin(FRAME.replace("radar", stream), "dead")
    StreamRemoval(bench.stores, bench.sums).delete("radar")
    left = engine.redis.hkeys(FRAMES)
    assert left == [FRAME.replace("radar", "radar-2")]
    assert [Attempts(engine, 1).begin(name, "next") for name in (FRAME, *left)] == [
        Attempt.BEGUN,
        Attempt.POISON,
    ]


def test_no_two_threads_of_a_worker_see_to_the_same_frame(engine: EngineClient) -> None:
    """A sweep names a frame again that takes longer than the sweep's period."""
    engine.redis.flushall()
    attempts = Attempts(engine, 3)
    assert attempts.begin(FRAME, "first") is Attempt.BEGUN
    assert attempts.begin(FRAME, "first") is Attempt.BUSY
    assert attempts.begin(FRAME.replace("2330", "2335"), "first") is Attempt.BEGUN
    attempts.end(FRAME)
    assert attempts.begin(FRAME, "first") is Attempt.BEGUN


def test_a_frame_is_at_hand_until_the_engine_has_forgotten_it(
    engine: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else another thread's attempt would be forgotten in place of the one that ended."""
    engine.redis.flushall()
    attempts = Attempts(engine, 3)
    assert attempts.begin(FRAME, "first") is Attempt.BEGUN
    forget, attempts_meanwhile = attempts._end, []

    def slowly(frame: str) -> None:
        attempts_meanwhile.append(attempts.begin(frame, "first"))
        forget(frame)

    monkeypatch.setattr(attempts, "_end", slowly)
    attempts.end(FRAME)
    assert attempts_meanwhile == [Attempt.BUSY]
    assert attempts.begin(FRAME, "first") is Attempt.BEGUN


def test_a_frame_that_another_worker_had_may_be_begun_when_that_one_is_done(
    engine: EngineClient,
) -> None:
    engine.redis.flushall()
    claims = JobStore(engine.url, JobPolicy(), patience_seconds=5)
    one, other = Attempts(engine, 3), Attempts(engine, 3)
    now = datetime.now(UTC) - timedelta(seconds=1)
    claims.beat(WorkerInfo("one", "here", os.getpid(), "cpu", ("fake/1",), now))
    assert one.begin(FRAME, "one") is Attempt.BEGUN
    assert other.begin(FRAME, "other") is Attempt.BUSY
    one.end(FRAME)
    assert other.begin(FRAME, "other") is Attempt.BEGUN
    claims.close()


def test_who_lives_is_not_disturbed_and_who_takes_leave_loses_no_life(engine: EngineClient) -> None:
    engine.redis.flushall()
    claims = JobStore(engine.url, JobPolicy(), patience_seconds=5)
    first, second, third = (Attempts(engine, 1) for _ in range(3))
    now = datetime.now(UTC) - timedelta(seconds=1)
    claims.beat(WorkerInfo("first", "here", os.getpid(), "cpu", ("fake/1",), now))
    assert first.begin(FRAME, "first") is Attempt.BEGUN
    assert second.begin(FRAME, "second") is Attempt.BUSY
    claims.say_goodbye("first")
    assert second.begin(FRAME, "second") is Attempt.BEGUN
    assert third.begin(FRAME, "third") is Attempt.POISON
    claims.close()
