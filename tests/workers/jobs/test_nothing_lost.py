"""Nothing lost: whatever is killed, every accepted job ends exactly once."""

import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from echocast.workers.engine.embedded import EmbeddedEngine
from echocast.workers.jobs.queue import NOWCAST, celery_app
from echocast.workers.jobs.store import DONE_CHANNEL
from tests.patience import PATIENCE_SECONDS
from tests.workers.conftest import World, kill, until
from tests.workers.storms import storm

NOBODY = "nobody's job"


class Endings:
    """Counts the terminal states that are announced until its context ends."""

    def __init__(self, world: World) -> None:
        self.heard: list[tuple[str, str]] = []
        self._redis = world.jobs.engine.redis
        self._subscription = self._redis.pubsub()
        self._subscription.subscribe(DONE_CHANNEL)
        self._thread = threading.Thread(target=self._listen)

    def _listen(self) -> None:
        for message in self._subscription.listen():
            if message["type"] != "message":
                continue
            event = json.loads(message["data"])
            if event["id"] == NOBODY:
                return
            self.heard.append((event["id"], event["status"]))

    def __enter__(self) -> "Endings":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._redis.publish(DONE_CHANNEL, json.dumps({"id": NOBODY}))  # is heard after all others
        self._thread.join()
        self._subscription.close()


def test_a_job_whose_worker_is_killed_runs_again_and_ends_once(world: World, gate: Path) -> None:
    worker = world.start_worker()
    with Endings(world) as endings:
        job = world.submit(storm(mood=f"until:{gate}")).job
        world.running(job.id)
        kill(worker)
        gate.touch()
        world.start_worker()
        ended = world.end_of(job.id)
    assert (ended.status, ended.attempts) == ("succeeded", 2)
    assert world.archive.files.local(ended.forecast_path)
    assert endings.heard == [(job.id, "succeeded")]


def test_another_worker_takes_over_when_one_is_killed(world: World, gate: Path) -> None:
    doomed = world.start_worker()
    jobs = [world.submit(storm(0, mood=f"until:{gate}")).job]
    world.running(jobs[0].id)
    world.start_worker()
    kill(doomed)
    gate.touch()
    jobs += [world.submit(storm(n)).job for n in range(1, 5)]
    assert {world.end_of(job.id).status for job in jobs} == {"succeeded"}


def test_a_job_that_kills_three_workers_is_poison_and_its_neighbours_go_on(world: World) -> None:
    worker = world.start_worker()
    blocker = world.submit(storm(9, mood="slow:0.4")).job
    world.running(blocker.id)
    killer = world.submit(storm(0, mood="kill")).job
    others = [world.submit(storm(n)).job for n in range(1, 6)]
    deaths = 0
    while not world.jobs.get(killer.id).terminal:
        if worker.poll() is not None:
            deaths += 1
            worker = world.start_worker()
        time.sleep(0.02)
    poisoned = world.jobs.get(killer.id)
    assert (poisoned.status, poisoned.error.type, poisoned.attempts) == ("failed", "poison", 3)
    assert deaths == 3
    for job in others:
        ended = world.end_of(job.id)
        assert ended.status == "succeeded"
        assert ended.attempts <= 2


def test_a_job_that_killed_its_worker_once_succeeds_alone(world: World, tmp_path: Path) -> None:
    worker = world.start_worker()
    job = world.submit(storm(mood=f"kill-once:{tmp_path}/killed")).job
    worker.wait()
    world.start_worker()
    ended = world.end_of(job.id)
    assert (ended.status, ended.attempts) == ("succeeded", 2)


def test_the_queue_survives_a_killed_engine_and_the_worker_goes_on(world: World) -> None:
    worker = world.start_worker()
    jobs = [world.submit(storm(n, mood="slow:0.3")).job for n in range(8)]
    world.running(jobs[0].id)
    os.kill(world.engine.pid, signal.SIGKILL)
    assert {world.end_of(job.id).status for job in jobs} == {"succeeded"}
    assert world.engine.restarts == 1
    assert worker.poll() is None
    assert world.end_of(world.submit(storm(99)).job.id).status == "succeeded"


def test_jobs_that_were_accepted_without_any_worker_survive_a_killed_engine(world: World) -> None:
    jobs = [world.submit(storm(n)).job for n in range(5)]
    os.kill(world.engine.pid, signal.SIGKILL)
    until(lambda: world.engine.restarts)
    assert world.jobs.queue_depth() == 5
    world.start_worker()
    assert {world.end_of(job.id).status for job in jobs} == {"succeeded"}


def test_everything_killed_at_once_loses_nothing(world: World) -> None:
    worker = world.start_worker()
    jobs = [world.submit(storm(n, mood="slow:0.3")).job for n in range(6)]
    world.running(jobs[0].id)
    kill(worker)
    os.kill(world.engine.pid, signal.SIGKILL)
    world.start_worker()
    assert {world.end_of(job.id).status for job in jobs} == {"succeeded"}


def test_messages_may_be_lost_never_sent_or_doubled(world: World, monkeypatch) -> None:
    lost = world.submit(storm(1)).job
    assert world.jobs.engine.redis.delete(NOWCAST) == 1
    with monkeypatch.context() as patch:
        patch.setattr(world.jobs.publisher, "publish", lambda task, job_id: False)
        unsent = world.submit(storm(2)).job
    assert unsent.status == "accepted"
    doubled = world.submit(storm(3, mood="slow:0.2")).job
    for _ in range(5):
        world.jobs.publisher.publish(NOWCAST, doubled.id)
    with Endings(world) as endings:
        world.start_worker()
        for job in (lost, unsent, doubled):
            assert world.end_of(job.id).status == "succeeded"
    assert sorted(endings.heard) == sorted((job.id, "succeeded") for job in (lost, unsent, doubled))
    assert world.jobs.get(doubled.id).attempts == 1


def test_a_hung_launch_ends_the_worker_and_another_takes_the_job(make_world) -> None:
    world = make_world(launch_timeout_seconds=0.5, maximum_attempts=2)
    hung = world.start_worker()
    job = world.submit(storm(mood="hang")).job
    assert hung.wait(PATIENCE_SECONDS) != 0
    other = world.start_worker()
    innocent = world.submit(storm(1)).job
    assert other.wait(PATIENCE_SECONDS) != 0
    world.start_worker()
    ended = world.end_of(job.id)
    assert (ended.status, ended.error.type) == ("failed", "poison")
    assert world.end_of(innocent.id).status == "succeeded"


def test_a_slow_launch_is_no_hung_one(make_world) -> None:
    """Ten steps take longer than the time to a hang, each of them far less."""
    world = make_world(launch_timeout_seconds=10.0)
    worker = world.start_worker()
    ended = world.end_of(world.submit(storm(mood="steps:1.05")).job.id)
    assert (ended.status, ended.attempts) == ("succeeded", 1)
    assert worker.poll() is None


def test_a_worker_that_stood_still_too_long_loses_its_job_and_does_no_harm(
    make_world: Callable[..., World], gate: Path
) -> None:
    """It is through with that job when it does another one, as it has one place."""
    world = make_world(worker_concurrency=1)
    first = world.start_worker()
    with Endings(world) as endings:
        job = world.submit(storm(mood=f"until:{gate}")).job
        world.running(job.id)
        first.send_signal(signal.SIGSTOP)
        second = world.start_worker()
        until(lambda: world.jobs.get(job.id).attempts == 2)
        gate.touch()
        first.send_signal(signal.SIGCONT)
        assert world.end_of(job.id).status == "succeeded"
        kill(second)
        later = world.submit(storm(1)).job
        assert world.end_of(later.id).status == "succeeded"
    assert endings.heard == [(job.id, "succeeded"), (later.id, "succeeded")]
    assert first.poll() is None


def test_a_message_that_cannot_be_given_back_is_written_nowhere(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection ends together with the engine; the job still waits, and is done."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    job = world.submit(storm(0)).job
    connection = celery_app(world.settings.engine_url).connection_for_read()
    channel = connection.channel()
    assert channel.basic_get(NOWCAST)
    world.engine.stop()
    channel.qos.restore_unacked_once()
    connection.release()
    assert list(tmp_path.iterdir()) == []
    with EmbeddedEngine(world.settings.engine_directory):
        world.start_worker()
        assert world.end_of(job.id).status == "succeeded"
