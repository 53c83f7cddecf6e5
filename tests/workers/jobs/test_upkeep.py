"""Leases, the sweep, the election of the janitor, signs of life."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from echocast.workers.jobs.janitor import Janitor
from echocast.workers.jobs.queue import NOWCAST
from echocast.workers.jobs.worker_info import WorkerInfo
from tests.workers.conftest import World, until
from tests.workers.jobs.test_jobs import ME, claimed, lets_lapse, request

HOUR = 3600.0  # longer than any stall of a busy machine


def test_a_lease_that_ran_out_puts_the_job_back_to_run_alone(
    make_world: Callable[..., World],
) -> None:
    world = make_world(lease_seconds=0.2)
    job = claimed(world, request())
    until(lambda: world.claims.sweep(60).lapsed)
    assert world.jobs.get(job.id).status == "queued"
    assert world.claims.renew({f"{ME}:1": job.id}) == [f"{ME}:1"]
    assert world.claims.claim(job.id, "x:1", "x", alone=False) == "alone"
    assert world.claims.claim(job.id, "x:1", "x", alone=True).attempts == 2


def test_a_renewed_lease_does_not_run_out(make_world: Callable[..., World]) -> None:
    world = make_world(lease_seconds=HOUR)
    world.claims._leases_may_lapse = lambda: True
    job = claimed(world, request())
    for _ in range(3):
        lets_lapse(world, job)
        assert world.claims.renew({f"{ME}:1": job.id}) == []
        assert world.claims.sweep(60).lapsed == 0
    assert world.jobs.get(job.id).status == "running"
    lets_lapse(world, job)
    assert world.claims.sweep(60).lapsed == 1


def test_the_same_worker_life_counts_as_one_attempt(make_world: Callable[..., World]) -> None:
    world = make_world(lease_seconds=0.1)
    job = claimed(world, request())
    until(lambda: world.claims.sweep(60).lapsed)
    assert world.claims.claim(job.id, f"{ME}:2", ME, alone=True).attempts == 1


def test_the_last_attempt_that_lapses_is_poison(make_world: Callable[..., World]) -> None:
    world = make_world(lease_seconds=0.05, maximum_attempts=2)
    job = claimed(world, request())
    until(lambda: world.claims.sweep(60).lapsed)
    world.claims.claim(job.id, "x:1", "x", alone=True)
    until(lambda: world.claims.sweep(60).poisoned)
    ended = world.jobs.get(job.id)
    assert (ended.status, ended.error.type) == ("failed", "poison")
    assert "2 times" in ended.error.message


def test_leases_do_not_lapse_right_after_the_engine_was_away(
    make_world: Callable[..., World],
) -> None:
    world = make_world(lease_seconds=HOUR)
    job = claimed(world, request())
    lets_lapse(world, job)
    assert world.claims.sweep(60).lapsed == 0
    world.claims.policy = replace(world.claims.policy, lease_seconds=1.0)
    until(lambda: world.claims.sweep(60).lapsed)


def test_a_long_queue_is_not_filled_with_duplicates(world: World) -> None:
    for n in range(5):
        world.jobs.submit(request(str(n)))
    assert world.claims.sweep(0.0).publish == ()
    assert world.jobs.engine.redis.llen(NOWCAST) == 5


def test_a_job_that_is_not_in_the_queue_is_published_again(world: World) -> None:
    lost = world.jobs.submit(request("1")).job
    world.jobs.engine.redis.delete(NOWCAST)
    world.jobs.submit(request("2"))
    assert world.claims.sweep(0.0).publish == (lost.id,)
    assert world.jobs.engine.redis.llen(NOWCAST) == 2


def test_a_stale_message_wakes_a_worker_as_well_as_any(make_world: Callable[..., World]) -> None:
    world = make_world(lease_seconds=HOUR)
    claimed(world, request("1"))
    waiting = world.jobs.submit(request("2")).job
    world.jobs.engine.redis.lpop(NOWCAST)  # the newer message: that of the waiting job
    assert world.claims.sweep(0.0).publish == ()
    assert world.claims.next_waiting(request("1").job_id) == waiting


def test_a_job_that_waits_too_long_expires_in_the_sweep(make_world: Callable[..., World]) -> None:
    world = make_world(job_deadline_seconds=0.1)
    job = world.jobs.submit(request()).job
    until(lambda: world.claims.sweep(0.0).expired)
    assert world.jobs.get(job.id).status == "expired"


def test_a_job_that_waits_too_long_can_not_be_claimed(make_world: Callable[..., World]) -> None:
    world = make_world(job_deadline_seconds=0.001)
    job = world.jobs.submit(request()).job
    time.sleep(0.01)
    assert world.claims.claim(job.id, "x:1", "x", alone=False) == "taken"
    assert world.jobs.get(job.id).status == "expired"


def test_what_the_janitor_ends_has_a_log_line(
    make_world: Callable[..., World], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "echocast.nowcast")
    world = make_world(lease_seconds=0.05, maximum_attempts=1)
    poison = claimed(world, request("1"))
    world.jobs.policy = replace(world.jobs.policy, deadline_seconds=2.0)  # of the second alone
    late = world.jobs.submit(replace(request("2"), request_id="of-the-request")).job
    janitor = Janitor(world.claims, ME, 5, 0.0, lambda _: None)
    until(lambda: janitor.sweep() and world.jobs.get(late.id).terminal)
    until(lambda: janitor.sweep() and world.jobs.get(poison.id).terminal)
    lines = {record.facts["job"]: record for record in caplog.records}
    assert lines[late.id].facts["request_id"] == "of-the-request"
    assert lines[late.id].facts["error"]["type"] == "deadline"
    assert lines[late.id].facts["timings"]["total"] >= 2.0
    assert lines[poison.id].facts["status"] == "failed"
    assert "poison, The job ended its worker 1 times." in lines[poison.id].getMessage()
    assert len(caplog.records) == 2


def test_what_waited_too_long_when_it_is_claimed_has_a_log_line(
    make_world: Callable[..., World], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "echocast.nowcast")
    world = make_world(job_deadline_seconds=0.001)
    job = world.jobs.submit(request()).job
    time.sleep(0.01)
    assert world.claims.claim(job.id, "x:1", "x", alone=False) == "taken"
    assert [record.facts["job"] for record in caplog.records] == [job.id]


def test_one_janitor_is_elected_and_replaced_when_silent(world: World) -> None:
    assert world.claims.elect("x", HOUR)
    assert world.claims.elect("x", HOUR)
    assert not world.claims.elect("y", 0.3)
    assert world.claims.elect("x", 0.3)
    assert until(lambda: world.claims.elect("y", 0.3))


def test_workers_are_alive_for_one_lease_after_a_beat(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(lease_seconds=HOUR)
    worker = WorkerInfo("x", "host", 7, "cpu", ("fake/1",), datetime.now(UTC))
    world.claims.beat(worker)
    assert world.jobs.alive_workers() == [worker]
    with monkeypatch.context() as patch:
        patch.setattr(world.claims, "policy", replace(world.claims.policy, lease_seconds=0.3))
        world.claims.beat(worker)
    until(lambda: not world.jobs.alive_workers())
    world.claims.beat(worker)
    assert world.jobs.alive_workers() == [worker]
    world.claims.say_goodbye("x")
    assert world.jobs.alive_workers() == []


def test_a_worker_of_a_newer_version_is_understood() -> None:
    worker = WorkerInfo("x", "host", 7, "cpu", ("fake/1",), datetime.now(UTC))
    newer = json.dumps({**json.loads(worker.to_json()), "room_temperature": 21})
    assert WorkerInfo.from_json(newer) == worker
