"""What a worker is short of is no fault of the job: it is tried again, and told as what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from echocast.workers.errors import DiskFull
from echocast.workers.tasks import verify
from tests.workers.conftest import World, until
from tests.workers.storms import storm

MOODS = {
    "short:files": "no-file-handles",
    "short:disk": "disk-full",
    "short:memory": "out-of-memory",
    "hungry": "out-of-memory",
}


def test_a_job_is_tried_three_times_and_its_failure_is_named(world: World) -> None:
    worker = world.start_worker()
    jobs = {mood: world.submit(storm(n, mood=mood)).job for n, mood in enumerate(MOODS)}
    other = world.submit(storm(9)).job
    assert world.end_of(other.id).status == "succeeded"
    for mood, kind in MOODS.items():
        ended = world.end_of(jobs[mood].id)
        assert (ended.status, ended.attempts) == ("failed", 3)
        assert ended.error.type == kind
        assert ended.error.message.endswith("The job was tried 3 times.")
        assert ended.timings["total"] > 0
    assert worker.poll() is None


def test_a_job_succeeds_when_the_shortage_is_over(world: World, tmp_path: Path) -> None:
    world.start_worker()
    job = world.submit(storm(mood=f"short-once:{tmp_path}/short")).job
    ended = world.end_of(job.id)
    assert (ended.status, ended.attempts, ended.error) == ("succeeded", 2, None)


def test_another_worker_does_what_one_has_no_disk_for(make_world: type[World]) -> None:
    """The floor of the first worker is higher than any disk."""
    world = make_world()
    full = world.settings.model_copy(update={"free_space_floor_bytes": 2**62})
    usual, world.settings = world.settings, full
    world.start_worker()
    job = world.submit(storm()).job
    until(lambda: (now := world.jobs.get(job.id)) and now.attempts == 1 and now.status == "queued")
    world.settings = usual
    world.workers[0].kill()
    world.start_worker()
    ended = world.end_of(job.id)
    assert (ended.status, ended.attempts) == ("succeeded", 2)


def test_observations_are_scored_when_the_shortage_is_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shortage is no verdict about them."""
    job = world.end_of(world.submit(storm()).job.id) if world.start_worker() else None
    assert job is not None
    observed = world.jobs.add_observations(job.id, world.archive.put_frames(storm(1, first=10)))

    def fail(*_: object) -> None:
        raise DiskFull("There is no space.")

    monkeypatch.setattr(verify, "score", fail)

    class Context:
        archive, jobs = world.archive, world.jobs

    assert verify._score_once(Context, observed, "claim") is None  # type: ignore[arg-type]
    scored = until(lambda: (now := world.jobs.get(job.id)) and now.verified == 1 and now)
    assert scored.verification_error is None
