"""Retrainings are wished for, locked, fenced, and survive the death of their trainer."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from echocast.model.errors import InputError, RegistryConflict
from echocast.model.registry.reader import RegistryReader
from echocast.model.registry.registry import Registry
from echocast.model.retraining.fencing_token import fence_of, fenced
from echocast.workers.jobs.queue import SERVING, TRAINING
from echocast.workers.retraining.beat import last_retraining
from echocast.workers.retraining.requests import (
    SCHEDULE_KEY,
    Lock,
    RetrainingRequest,
    RetrainingRequests,
    request_if_due,
    request_retraining,
)
from echocast.workers.retraining.trainer import Trainer, retrain_command, run_trainer
from tests.patience import PATIENCE_SECONDS
from tests.workers.conftest import World, kill, until, worlds
from tests.workers.storms import storm
from tests.workers.trainer_with_fake import fake_command

LEASE = 30.0  # longer than any stall of a busy machine
SHORT_LEASE = 3.0  # of who loses it; it is renewed every second
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(scope="module")
def shared() -> Iterator[World]:
    with worlds() as make:
        yield make(trainer_lease_seconds=LEASE, trainer_look_seconds=0.2)


@pytest.fixture
def world(shared: World) -> World:
    shared.jobs.engine.redis.flushall()
    return shared


@pytest.fixture
def requests(world: World) -> RetrainingRequests:
    return RetrainingRequests(world.jobs.engine)


def trainer(world: World, lease_seconds: float = LEASE) -> Trainer:
    settings = world.settings.model_copy(update={"trainer_lease_seconds": lease_seconds})
    return Trainer(settings, RetrainingRequests(world.jobs.engine), fake_command)


def begun(world: World) -> list[Path]:
    return sorted((world.settings.data_dir / "retraining").glob("*/began-*"))


def messages(world: World) -> int:
    return world.jobs.engine.redis.llen(TRAINING)


def allow(world: World, requests: RetrainingRequests, code: int = 0) -> None:
    """Let the child of the present request end, with an exit code."""
    pending = requests.pending()
    assert pending
    folder = world.settings.data_dir / "retraining" / pending[0].id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "leave").write_text(str(code))


def test_a_wish_is_one_wish_however_often_it_is_made(world: World, requests: RetrainingRequests):
    assert request_retraining(world.jobs.engine, "skill_drift of radar")
    assert not request_retraining(world.jobs.engine, "bias_shift of radar")
    pending = requests.pending()
    assert pending
    assert pending[0].why == "skill_drift of radar"
    assert messages(world) == 1


def test_a_wish_whose_answer_was_lost_may_be_made_again(world: World, requests: RetrainingRequests):
    text = RetrainingRequest.new("x").to_text()
    assert requests._request(text) == requests._request(text) == 1


def test_one_trainer_at_a_time_has_the_lock(requests: RetrainingRequests):
    first = requests.acquire("a", 0, LEASE)
    assert first
    assert requests.acquire("b", 0, LEASE) is None
    assert requests.acquire("a", 0, LEASE) == first, "an answer that was lost"
    assert requests.running()
    assert requests.release(first)
    assert not requests.running()


def test_who_fell_silent_lost_the_lock_and_can_neither_renew_nor_release(
    requests: RetrainingRequests,
):
    first = requests.acquire("a", 0, 0.05)
    assert first
    second = until(lambda: requests.acquire("b", 0, 30))
    assert second.number > first.number
    assert not requests.renew(first, 30)
    assert not requests.release(first)
    assert requests.renew(second, 30), "what the first did changed nothing"


def test_numbers_grow_even_where_the_engine_forgot_them(world: World, requests: RetrainingRequests):
    first = requests.acquire("a", 0, LEASE)
    assert first
    world.jobs.engine.redis.flushall()
    second = requests.acquire("b", first.number, LEASE)
    assert second
    assert second.number == first.number + 1


def test_the_registry_refuses_who_lost_the_lock(world: World, requests: RetrainingRequests):
    root = world.settings.models_root
    old = requests.acquire("a", fence_of(root), 0.05)
    assert old
    request_retraining(world.jobs.engine, "x")
    allow(world, requests)
    assert until(lambda: trainer(world).run_pending()) == "done"
    with (
        pytest.raises(RegistryConflict, match="lost its place"),
        fenced(root, old.number),
    ):
        pytest.fail("It was let through.")


def test_nothing_is_done_where_nothing_is_wanted(world: World, requests: RetrainingRequests):
    assert trainer(world).run_pending() is None
    assert not requests.running()


def test_a_wish_that_came_true_is_gone(world: World, requests: RetrainingRequests):
    request_retraining(world.jobs.engine, "x")
    allow(world, requests)
    assert trainer(world).run_pending() == "done"
    assert requests.pending() is None
    assert not requests.running()
    assert request_retraining(world.jobs.engine, "y")


def test_a_wish_that_fails_is_tried_again_and_in_the_end_given_up(
    world: World, requests: RetrainingRequests
):
    request_retraining(world.jobs.engine, "x")
    allow(world, requests, code=1)
    assert [trainer(world).run_pending() for _ in range(4)] == [
        "failed",
        "failed",
        "failed",
        "given up",
    ]
    assert requests.pending() is None
    entry = RegistryReader(world.settings.models_root).history()[-1]
    assert (entry.what, entry.facts["verdict"]) == ("retrain", "failed")


def test_another_trainer_at_work_is_left_alone(world: World, requests: RetrainingRequests):
    request_retraining(world.jobs.engine, "x")
    assert requests.acquire("other", 0, 30)
    assert trainer(world).run_pending() is None
    assert requests.pending()


def test_a_trainer_that_is_told_to_stop_ends_its_child_and_the_attempt_does_not_count(
    world: World, requests: RetrainingRequests
):
    before = begun(world)
    request_retraining(world.jobs.engine, "x")
    stopped = trainer(world)
    thread = threading.Thread(target=stopped.run)
    thread.start()
    child = until(lambda: [path for path in begun(world) if path not in before])[0]
    pid = int(until(child.read_text))
    leads = os.getsid(pid) == pid
    stopped.stop()
    thread.join(PATIENCE_SECONDS)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert leads, "a session whose priority is its own"
    pending = requests.pending()
    assert pending
    assert pending[1] == 0
    assert not requests.running()


def test_a_trainer_that_loses_its_lock_ends_its_child(world: World, requests: RetrainingRequests):
    before = begun(world)
    request_retraining(world.jobs.engine, "x")
    outcome, losing = [], trainer(world, SHORT_LEASE)
    thread = threading.Thread(target=lambda: outcome.append(losing.run_pending()))
    thread.start()
    child = until(lambda: [path for path in begun(world) if path not in before])[0]
    pid = int(until(child.read_text))
    world.jobs.engine.redis.delete("echocast:retraining:lock")
    successor = requests.acquire("b", 0, 30)
    thread.join(PATIENCE_SECONDS)
    assert outcome == ["lost"]
    assert successor
    assert requests.renew(successor, 30)
    assert requests.pending()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def start(world: World, module: str, **changed: object) -> subprocess.Popen[bytes]:
    settings = world.settings.model_copy(update=changed)
    names = settings.model_dump(mode="json", exclude_none=True)
    env = {f"ECHOCAST_{name.upper()}": str(value) for name, value in names.items()}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", module], env={**os.environ, **env}
    )


def test_a_trainer_killed_at_work_is_followed_by_another_on_the_same_wish(
    world: World, requests: RetrainingRequests
):
    before = begun(world)
    killed = start(world, "tests.workers.trainer_with_fake", trainer_lease_seconds=SHORT_LEASE)
    request_retraining(world.jobs.engine, "x")
    first = until(lambda: [path for path in begun(world) if path not in before])[0]
    kill(killed)
    other = start(world, "tests.workers.trainer_with_fake")
    try:
        second = until(lambda: [path for path in begun(world) if path not in (*before, first)])[0]
        assert second.parent == first.parent, "the same work folder"
        allow(world, requests)
        until(lambda: requests.pending() is None)
        assert not (first.parent / first.name.replace("began", "ended")).exists()
        assert (second.parent / second.name.replace("began", "ended")).exists()
    finally:
        other.send_signal(signal.SIGTERM)
        assert other.wait(PATIENCE_SECONDS) == 0


def test_what_a_child_is_started_with_is_understood(world: World, tmp_path: Path):
    """On an archive without frames it says so, in one sentence."""
    request, lock = RetrainingRequest.new("x"), Lock(10**6, "me")
    there = {"streams_url": str(tmp_path), "models_dir": tmp_path / "models"}
    settings = world.settings.model_copy(update=there)
    child = subprocess.Popen(
        retrain_command(settings, request, lock),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr
    assert child.stdin
    output = child.stderr.read()
    child.stdin.close()
    child.stderr.close()
    assert child.wait(PATIENCE_SECONDS) == 1
    assert "holds no frames of any stream" in output.splitlines()[-1]


def test_a_child_ends_when_its_parent_does(world: World):
    request, lock = RetrainingRequest.new("x"), Lock(10**6, "me")
    child = subprocess.Popen(retrain_command(world.settings, request, lock), stdin=subprocess.PIPE)
    assert child.stdin
    child.stdin.close()
    assert child.wait(PATIENCE_SECONDS) != 0


def test_a_configuration_that_is_none_is_refused_at_the_start(world: World):
    settings = world.settings.model_copy(update={"retrain_config": '{"speed": 9}'})
    with pytest.raises(InputError, match="no field 'speed'"):
        run_trainer(settings)


def test_workers_leave_trainings_to_trainers(make_world: Callable[..., World]):
    assert TRAINING not in SERVING
    world = make_world()
    request_retraining(world.jobs.engine, "x")
    world.start_worker()
    job = world.submit(storm(1)).job
    assert world.end_of(job.id).status == "succeeded"
    assert messages(world) == 1


def test_a_retraining_is_due_after_the_interval(world: World, requests: RetrainingRequests):
    week = 7 * 86400.0
    ago = {days: NOW - timedelta(days=days) for days in (6, 8)}
    assert not request_if_due(world.jobs.engine, ago[6], week, NOW)
    assert requests.pending() is None
    assert request_if_due(world.jobs.engine, ago[8], week, NOW)
    assert not request_if_due(world.jobs.engine, ago[8], week, NOW), "asked for already"


def test_before_the_first_retraining_the_interval_counts_from_the_first_look(world: World):
    first = datetime.now(UTC)
    assert not request_if_due(world.jobs.engine, None, 3600, first)
    assert not request_if_due(world.jobs.engine, None, 3600, first + timedelta(minutes=59))
    assert request_if_due(world.jobs.engine, None, 3600, first + timedelta(minutes=61))


def test_the_last_retraining_is_read_from_the_history(world: World, tmp_path: Path):
    models = Registry(tmp_path)
    assert last_retraining(models.reader) is None
    entry = models.record("retrain", who="x", why="y", facts={"verdict": "reject"})
    models.record("other", who="x", why="y", facts={})
    assert last_retraining(models.reader) == entry.time


def test_two_beats_ask_as_often_as_one(world: World, requests: RetrainingRequests):
    beats = [
        start(world, "echocast.workers.retraining.beat", retrain_interval_seconds=1.0)
        for _ in range(2)
    ]
    try:
        until(requests.pending)
        assert float(requests.engine.redis.get(SCHEDULE_KEY)) == 1.0
        time.sleep(2.5)  # more than two further intervals
        assert messages(world) == 1
    finally:
        for beat in beats:
            beat.send_signal(signal.SIGTERM)
        assert [beat.wait(PATIENCE_SECONDS) for beat in beats] == [0, 0]
