"""Heartbeat, janitor, held jobs and the watchdog of a launch."""

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from redis._parsers.base import BaseParser

from echocast.workers.engine.client import is_passing
from echocast.workers.errors import EngineUnavailable
from echocast.workers.jobs.heartbeat import HUNG_EXIT_CODE, Heartbeat
from echocast.workers.jobs.janitor import Janitor
from echocast.workers.jobs.leases import JobLeases
from echocast.workers.jobs.worker_info import WorkerInfo
from echocast.workers.runtime.periodic import BROKEN_EXIT_CODE, Periodic, elected
from tests.patience import PATIENCE_SECONDS
from tests.workers.conftest import World, until
from tests.workers.jobs.test_jobs import ME, claimed, lease_end, lets_lapse, request


def heartbeat(world: World, leases: JobLeases, **fields: object) -> Heartbeat:
    info = WorkerInfo(leases.incarnation, "host", 1, "cpu", (), datetime.now(UTC))
    usual = {"every_seconds": 0.05, "job_timeout_seconds": 60.0}
    return Heartbeat(world.claims, leases, lambda: info, **{**usual, **fields})


def test_a_heartbeat_renews_what_is_held_and_says_goodbye(make_world: Callable[..., World]) -> None:
    world = make_world(lease_seconds=3600.0)
    world.claims._leases_may_lapse = lambda: True
    leases = JobLeases(ME)
    job = claimed(world, request())
    beats = heartbeat(world, leases)
    with leases.hold(f"{ME}:1", job.id):
        beats.start()
        assert [worker.incarnation for worker in world.jobs.alive_workers()] == [ME]
        for _ in range(2):
            lets_lapse(world, job)
            until(lambda: lease_end(world, job) > 1.0)
        assert world.claims.sweep(60).lapsed == 0
    beats.beat()  # none that began before is on its way now
    lets_lapse(world, job)
    assert world.claims.sweep(60).lapsed == 1
    beats.stop()
    assert world.jobs.alive_workers() == []


def test_a_cancelled_job_is_noticed_by_the_heartbeat(world: World) -> None:
    leases = JobLeases(ME)
    job = claimed(world, request())
    with leases.hold(f"{ME}:1", job.id):
        assert not leases.is_lost(f"{ME}:1")
        world.jobs.release(job.id)
        heartbeat(world, leases).beat()
        assert leases.is_lost(f"{ME}:1")
    assert not leases.is_lost(f"{ME}:1")
    assert leases.claims() == {}


def test_a_job_worked_on_too_long_ends_the_process(world: World) -> None:
    leases, codes = JobLeases(ME), []
    beats = heartbeat(world, leases, job_timeout_seconds=0.1, end_process=codes.append)
    with leases.hold(f"{ME}:1", "some job"), leases.working(f"{ME}:1"):
        beats.start()
        until(lambda: codes)
    beats.stop()
    assert codes[0] == HUNG_EXIT_CODE


def test_a_job_that_waits_for_others_does_not_hang() -> None:
    leases = JobLeases(ME)
    with leases.hold(f"{ME}:1", "some job"):
        assert leases.longest_seconds() == 0
        with leases.working(f"{ME}:1"):
            time.sleep(0.01)
            assert leases.longest_seconds() >= 0.01
        assert leases.longest_seconds() == 0
        assert leases.claims() == {f"{ME}:1": "some job"}


def test_a_heartbeat_outlives_an_engine_that_is_away(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.claims.engine.patience_seconds = 0.05
    beats = heartbeat(world, JobLeases(ME))
    beats.start()
    world.engine.stop()
    until(lambda: "The heartbeat failed and is tried again" in caplog.text)
    engine = type(world.engine)(world.settings.engine_directory)
    world.engine = engine
    engine.start()
    until(world.jobs.alive_workers)
    beats.stop()


def test_heartbeat_and_janitor_outlive_an_engine_that_refuses_writes(world: World) -> None:
    world.claims.engine.patience_seconds = 0.05
    ended: list[int] = []
    sweeps: list[object] = []
    beats = heartbeat(world, JobLeases(ME), end_process=ended.append)
    janitor = Janitor(world.claims, "x", 0.05, 0.1, sweeps.append, ended.append)
    beats.start()
    janitor.start()
    refuse_writes(world, True)
    until(lambda: not world.jobs.engine.redis.exists("echocast:janitor"))
    refuse_writes(world, False)
    sweeps.clear()
    until(lambda: sweeps)
    until(world.jobs.alive_workers)
    beats.stop()
    janitor.stop()
    assert ended == []


def test_nothing_is_done_half_when_the_engine_refuses_writes(world: World) -> None:
    world.claims.engine.patience_seconds = world.jobs.engine.patience_seconds = 0.05
    failed = claimed(world, request())
    world.claims.finish(failed, f"{ME}:1", "failed")
    job = claimed(world, request("b"))
    before = world.jobs.get(failed.id)
    refuse_writes(world, True)
    with pytest.raises(EngineUnavailable, match="refuses"):
        world.jobs.submit(request())
    with pytest.raises(EngineUnavailable, match="refuses"):
        world.claims.finish(job, f"{ME}:1", "succeeded")
    refuse_writes(world, False)
    assert world.jobs.get(failed.id) == before
    assert world.claims.finish(job, f"{ME}:1", "succeeded") == "finished"


def refuse_writes(world: World, yes: bool) -> None:
    world.jobs.engine.redis.config_set("maxmemory", 1 if yes else 0)


@pytest.mark.parametrize(
    "code", ["OOM", "READONLY", "LOADING", "TRYAGAIN", "MASTERDOWN", "CLUSTERDOWN", "MISCONF"]
)
def test_a_refusal_that_passes_is_an_engine_that_is_away(code: str) -> None:
    refusal = BaseParser.parse_error(f"{code} just now")
    assert is_passing(refusal)
    assert not is_passing(BaseParser.parse_error("WRONGTYPE Operation against a key"))


@pytest.mark.parametrize("broken", ["heartbeat", "janitor"])
def test_a_broken_caretaker_ends_the_process(world: World, broken: str) -> None:
    ended: list[int] = []
    world.jobs.engine.redis.set("echocast:workers", "no hash")
    world.jobs.engine.redis.set("echocast:running", "no sorted set")
    caretaker = {
        "heartbeat": Periodic(
            "heartbeat", heartbeat(world, JobLeases(ME)).beat, 0.05, ended.append
        ),
        "janitor": Janitor(world.claims, "x", 0.05, 0.1, lambda _: None, ended.append),
    }[broken]
    world.claims._leases_may_lapse = lambda: True
    caretaker.start()
    until(lambda: ended)
    caretaker.stop()
    assert ended[0] == BROKEN_EXIT_CODE


def test_claims_are_never_the_same() -> None:
    leases = JobLeases(ME)
    assert len({leases.new_claim() for _ in range(100)}) == 100


def test_the_janitor_publishes_lost_jobs_and_only_one_sweeps(world: World) -> None:
    job = world.jobs.submit(request()).job
    world.jobs.engine.redis.delete("echocast.nowcast")
    sweeps: list[object] = []
    patient = Janitor(world.claims, "x", 3600, 3600, sweeps.append)
    first = Janitor(world.claims, "x", 0.05, 0.1, sweeps.append)
    second = Janitor(world.claims, "y", 0.05, 0.1, sweeps.append)
    assert patient.sweep() is not None
    assert second.sweep() is None
    first.start()
    until(lambda: any(sweep.publish == (job.id,) for sweep in sweeps))
    first.stop()
    assert until(second.sweep)


def test_the_janitor_outlives_an_engine_that_is_away(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.claims.engine.patience_seconds = 0.05
    sweeps: list[object] = []
    janitor = Janitor(world.claims, "x", 0.05, 0.1, sweeps.append)
    world.engine.stop()
    janitor.start()
    until(lambda: "The janitor failed and is tried again" in caplog.text)
    assert sweeps == []
    world.engine = type(world.engine)(world.settings.engine_directory)
    world.engine.start()
    until(lambda: sweeps)
    janitor.stop()


def test_a_hung_launch_ends_the_process_even_while_it_holds_the_interpreter() -> None:
    program = (
        "from echocast.workers.inference.launch import hang_guard\n"
        "import re\n"
        "with hang_guard(60): pass\n"
        "with hang_guard(0.3): re.match('(a+)+$', 'a' * 64 + 'b')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=PATIENCE_SECONDS
    )
    assert ended.returncode != 0
    assert b"Timeout" in ended.stderr
    assert b"re.match" in ended.stderr or b"<string>" in ended.stderr


def test_the_sweep_of_streams_outlives_what_nobody_expected() -> None:
    sweeps: list[object] = []

    def fail() -> None:
        sweeps.append(None)
        raise ValueError

    thread = elected("sweep", fail, lambda: True, 0.01)
    thread.start()
    until(lambda: len(sweeps) > 2)
    thread.stop()
