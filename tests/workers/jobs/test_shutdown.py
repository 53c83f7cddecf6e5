"""A worker that stops gives every job back that it has, whatever it is about with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from echocast.workers.errors import EngineUnavailable
from echocast.workers.jobs.leases import JobLeases
from echocast.workers.jobs.room import Room
from echocast.workers.jobs.shutdown import give_all_back
from echocast.workers.tasks.claim import claim_next
from echocast.workers.tasks.verify import verify_late
from tests.patience import PATIENCE_SECONDS
from tests.workers.conftest import World, until
from tests.workers.jobs.test_jobs import ME, OBSERVED, claimed, request
from tests.workers.jobs.test_watching import heartbeat


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def context(world: World) -> SimpleNamespace:
    """What a worker needs to claim a job."""
    return SimpleNamespace(
        jobs=world.claims,
        leases=JobLeases(ME),
        room=Room(1, 10**9),
        choosing=threading.Lock(),
    )


def test_a_job_that_is_just_being_claimed_is_given_back(
    world: World,
    context: SimpleNamespace,
    pool: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The engine says that it is ours, but the worker does not know it yet."""
    job = world.jobs.submit(request()).job
    claimed, answered = threading.Event(), threading.Event()
    claim: Callable[..., Any] = world.claims.claim

    def claim_with_a_late_answer(*arguments: Any, **named: Any) -> Any:
        answer = claim(*arguments, **named)
        claimed.set()
        assert answered.wait(PATIENCE_SECONDS)
        return answer

    monkeypatch.setattr(world.claims, "claim", claim_with_a_late_answer)
    with ExitStack() as room:
        claiming = pool.submit(claim_next, context, job.id, room)
        assert claimed.wait(PATIENCE_SECONDS)
        stopping = pool.submit(give_all_back, world.claims, context.leases)
        until(lambda: context.leases.closed)
        answered.set()
        for done in (claiming, stopping):
            done.result(PATIENCE_SECONDS)
        now = world.jobs.get(job.id)
    assert now is not None
    assert (now.status, now.attempts) == ("queued", 0)


def test_a_worker_that_stopped_shows_no_sign_of_life(world: World) -> None:
    """Neither by a beat that comes later, nor by one that was on its way."""
    leases = JobLeases(ME)
    beats = heartbeat(world, leases)
    beats.beat()
    give_all_back(world.claims, leases)
    beats.beat()
    assert world.jobs.alive_workers() == []


def test_a_sign_of_life_on_its_way_comes_before_the_goodbye(
    world: World, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases = JobLeases(ME)
    on_its_way, arrives = threading.Event(), threading.Event()
    beat: Callable[..., Any] = world.claims.beat

    def late(*arguments: Any) -> None:
        on_its_way.set()
        assert arrives.wait(PATIENCE_SECONDS)
        beat(*arguments)

    monkeypatch.setattr(world.claims, "beat", late)
    beating = pool.submit(heartbeat(world, leases).beat)
    assert on_its_way.wait(PATIENCE_SECONDS)
    stopping = pool.submit(give_all_back, world.claims, leases)
    until(lambda: leases.closed)
    arrives.set()
    for done in (beating, stopping):
        done.result(PATIENCE_SECONDS)
    assert world.jobs.alive_workers() == []


def test_a_worker_that_stops_lets_others_score(
    world: World, context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, and the attempt does not count."""
    job = claimed(world, request())
    world.claims.finish(job, f"{ME}:1", "succeeded", result={"forecast_path": "a.nc"})
    world.jobs.add_observations(job.id, OBSERVED)
    context.archive = None

    def stops(*_: object) -> None:
        give_all_back(world.claims, context.leases)
        raise EngineUnavailable("The process ends here.")

    monkeypatch.setattr("echocast.workers.tasks.verify.score", stops)
    with pytest.raises(EngineUnavailable):
        verify_late(context, job.id)
    verify_late(context, job.id)  # a message that came meanwhile: it scores no more
    assert world.claims.engine.redis.hget(f"echocast:job:{job.id}", "verification_attempts") == "0"
    assert world.claims.begin_verification(job.id, "other:1")


def test_a_worker_that_stops_claims_no_job(world: World, context: SimpleNamespace) -> None:
    job = world.jobs.submit(request()).job
    choose: Callable[..., Any] = context.jobs.next_waiting

    class StopsMeanwhile:
        claim = context.jobs.claim

        def next_waiting(self, message: str) -> Any:
            chosen = choose(message)
            give_all_back(world.claims, context.leases)
            return chosen

    context.jobs = StopsMeanwhile()
    with ExitStack() as room:
        assert claim_next(context, job.id, room) is None
    now = world.jobs.get(job.id)
    assert now is not None
    assert (now.status, now.attempts) == ("queued", 0)
