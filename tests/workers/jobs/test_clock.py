"""The engine's clock may jump: what waits and what runs moves along."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from echocast.workers.engine.scripts import load_scripts
from echocast.workers.jobs.store import JobStore
from echocast.workers.jobs.worker_info import WorkerInfo
from echocast.workers.streams.poison import Attempt, Attempts
from tests.workers.conftest import World
from tests.workers.jobs.test_jobs import ME, claimed, request

HOUR, DAY = 3600.0, 86400.0
READ_OURS = "redis.call('MGET', 'test:seconds', 'test:microseconds')"
START = 1_800_000_000.0


class Clock:
    """The time that the scripts read, instead of the engine's."""

    def __init__(self, store: JobStore) -> None:
        self.redis = store.engine.redis
        self._plain_script = store.engine.script
        for name, text in load_scripts("echocast.workers.jobs").items():
            store._scripts[name] = self.script(text)
        self.seconds = START
        self.passes(0)

    def script(self, text: str) -> Callable[..., Any]:
        """A script that reads this clock."""
        return self._plain_script(text.replace("redis.call('TIME')", READ_OURS))

    def passes(self, seconds: float) -> None:
        self.seconds += seconds
        whole = int(self.seconds)
        self.redis.mset(
            {"test:seconds": whole, "test:microseconds": int(1e6 * (self.seconds - whole))}
        )


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    world = make_world(lease_seconds=15.0, lease_renewal_seconds=5.0, job_deadline_seconds=900.0)
    world.claims = world.jobs
    world.jobs._leases_may_lapse = lambda: True
    return world


@pytest.fixture
def clock(world: World) -> Clock:
    return Clock(world.jobs)


def beat(world: World) -> None:
    world.jobs.beat(WorkerInfo(ME, "here", 1, "cpu", ("fake/1",), datetime.now(UTC)))


def started(world: World) -> tuple[str, str]:
    """A job that runs and one that waits; their worker lives."""
    running = claimed(world, request())
    waiting = world.jobs.submit(request(name="other")).job
    beat(world)
    return running.id, waiting.id


def statuses(world: World, *jobs: str) -> list[str]:
    return [world.jobs.get(job).status for job in jobs]


@pytest.mark.parametrize("jump", [HOUR, 10 * DAY, -DAY, -HOUR])
def test_a_jump_ends_nothing(world: World, clock: Clock, jump: float) -> None:
    jobs = started(world)
    created = world.jobs.get(jobs[1]).created
    clock.passes(jump)
    assert world.jobs.alive_workers()
    swept = world.jobs.sweep(10)
    assert (swept.lapsed, swept.expired, swept.poisoned) == (0, 0, 0)
    assert statuses(world, *jobs) == ["running", "queued"]
    assert world.jobs.renew({f"{ME}:1": jobs[0]}) == []
    assert world.jobs.claim(jobs[1], "x:1", "x", alone=False).id == jobs[1]
    assert world.jobs.get(jobs[1]).created == created


@pytest.mark.parametrize("jump", [0.0, HOUR, -DAY])
def test_time_that_passes_ends_leases_and_deadlines_after_a_jump_as_before(
    world: World, clock: Clock, jump: float
) -> None:
    running, waiting = started(world)
    clock.passes(jump)
    assert world.jobs.alive_workers()
    clock.passes(16)
    assert not world.jobs.alive_workers()
    assert world.jobs.sweep(HOUR).lapsed == 1
    assert statuses(world, running, waiting) == ["queued", "queued"]
    for _ in range(30):
        clock.passes(30)
        world.jobs.sweep(HOUR)
    assert world.jobs.sweep(10).expired == 2


def test_a_claim_right_after_a_jump_does_not_expire_the_job(world: World, clock: Clock) -> None:
    _, waiting = started(world)
    clock.passes(HOUR)
    assert world.jobs.claim(waiting, "x:1", "x", alone=False).id == waiting


@pytest.mark.parametrize("jump", [HOUR, 10 * DAY, -DAY, -HOUR])
def test_after_a_jump_a_frame_is_its_workers_while_that_one_lives(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(world.jobs.engine, "script", clock.script)
        first, other = (Attempts(world.jobs.engine, 3) for _ in range(2))
    beat(world)
    assert first.begin("radar/a", ME) is Attempt.BEGUN
    clock.passes(jump)
    assert other.begin("radar/a", "other") is Attempt.BUSY
    clock.passes(16)
    assert other.begin("radar/a", "other") is Attempt.BEGUN


def test_an_engine_whose_clock_went_back_lets_leases_lapse(world: World) -> None:
    del world.jobs._leases_may_lapse
    for uptime, may_lapse in ((-DAY, True), (1, False), (HOUR, True)):
        world.jobs.engine.redis.info = lambda _, uptime=uptime: {"uptime_in_seconds": uptime}
        assert world.jobs._leases_may_lapse() is may_lapse
