"""What a real worker process does with jobs that go as they should, and with bad ones."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from echocast.model.formats.forecast_reader import read_forecast
from echocast.model.verification.forecast_scores import verify
from echocast.workers.engine.embedded import EmbeddedEngine
from echocast.workers.errors import EngineUnavailable
from echocast.workers.jobs.store import DONE_CHANNEL
from echocast.workers.settings import WorkerSettings
from echocast.workers.worker import run_worker
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port
from tests.workers.conftest import World, name_models, until, worlds
from tests.workers.fake_nowcaster import load_fake, noted
from tests.workers.jobs.test_jobs import lease_end
from tests.workers.storms import STEP, request, storm


@pytest.fixture(scope="module")
def served() -> Iterator[World]:
    """A world whose one worker serves many tests; each sends storms of its own."""
    with worlds() as make:
        world = make()
        world.start_worker()
        yield world


def test_a_job_ends_with_a_forecast_file_and_its_timings(served: World) -> None:
    frames = storm(10, mood="parts:0.02")
    job = served.end_of(served.submit(frames).job.id)
    assert job.status == "succeeded"
    assert job.attempts == 1
    assert job.error is None
    assert job.model.weights_sha256 == "f" * 64
    assert job.quality == {"fake": "yes"}
    assert job.valid_times[0] == frames.times[-1] + STEP
    assert job.lead_minutes == tuple(5.0 * lead for lead in range(1, 11))
    phases = {"queue", "load", "prepare", "wait", "network", "finish", "write", "total"}
    assert set(job.timings) == phases
    parts = sum(seconds for phase, seconds in job.timings.items() if phase != "total")
    assert parts <= job.timings["total"]
    assert job.timings["finish"] >= 0.19  # ten leads
    assert job.verification is None
    forecast = read_forecast(served.archive.files.local(job.forecast_path))
    np.testing.assert_allclose(
        forecast.frames.reflectivity_dbz[0], frames.reflectivity_dbz[-1], atol=0.006
    )
    assert forecast.input_sha256 == job.input_sha


def test_observations_of_the_request_are_scored_before_the_job_has_succeeded(
    served: World,
) -> None:
    observed = storm(21, frames=4, first=10)
    sha = served.archive.put_frames(observed)
    job = served.end_of(served.submit(storm(20, mood="slow:0.1"), observation_sha=sha).job.id)
    assert job.status == "succeeded"
    assert job.timings["network"] >= 0.09
    assert job.verified == 1
    assert not job.awaits_verification
    assert "verify" in job.timings
    as_written = read_forecast(served.archive.files.local(job.forecast_path))
    assert job.verification == verify(as_written, observed).to_json()
    stored = served.archive.files.local(f"verification/adhoc/2026-07-01/{job.id}.json")
    assert json.loads(stored.read_text()) == job.verification


def test_late_observations_are_scored_together_with_the_earlier_ones(served: World) -> None:
    early, late = storm(31, frames=2, first=10), storm(32, frames=3, first=12)
    first = served.archive.put_frames(early)
    job = served.end_of(served.submit(storm(30), observation_sha=first).job.id)
    with served.jobs.engine.redis.pubsub() as heard:
        heard.subscribe(DONE_CHANNEL)
        served.jobs.add_observations(job.id, served.archive.put_frames(late))
        served.jobs.add_observations(job.id, served.archive.put_frames(late))
        scored = until(lambda: (now := served.jobs.get(job.id)) and now.verified == 2 and now)
        message = until(
            lambda: (m := heard.get_message(timeout=0.1)) and m["type"] == "message" and m
        )
    assert json.loads(message["data"]) == {"id": job.id, "verified": 2}
    both = early.with_values(
        np.concatenate([early.reflectivity_dbz, late.reflectivity_dbz]),
        [*early.times, *late.times],
    )
    forecast = read_forecast(served.archive.files.local(job.forecast_path))
    assert scored.verification == verify(forecast, both).to_json()


def test_many_who_bring_observations_at_once_do_not_poison_the_job(served: World) -> None:
    job = served.end_of(served.submit(storm(40)).job.id)
    for lead in range(10):
        sha = served.archive.put_frames(storm(40 + lead, frames=1, first=10 + lead))
        served.jobs.add_observations(job.id, sha)
    scored = until(lambda: (now := served.jobs.get(job.id)) and now.verified == 10 and now)
    assert scored.verification_error is None
    assert scored.verification["sample"]["frames"] == 10


def test_observations_that_come_while_the_job_runs_are_scored_with_it(
    served: World, gate: Path
) -> None:
    job = served.submit(storm(50, mood=f"until:{gate}")).job
    running = served.running(job.id)
    served.jobs.add_observations(job.id, served.archive.put_frames(storm(50, frames=2, first=10)))
    gate.touch()
    ended = served.end_of(job.id)
    assert (ended.verified, ended.started) == (1, running.started)
    assert ended.verification["sample"]["frames"] == 2


def test_observations_on_another_grid_are_named_and_do_not_count(served: World) -> None:
    job = served.end_of(served.submit(storm(60)).job.id)
    other = served.archive.put_frames(storm(60, size=20, frames=2, first=10))
    served.jobs.add_observations(job.id, other)
    scored = until(lambda: (now := served.jobs.get(job.id)) and now.verified == 1 and now)
    assert scored.verification_error.type == "grid"
    assert scored.verification["sample"]["frames"] == 0


def test_an_unexpected_error_fails_the_job_and_not_the_worker(served: World) -> None:
    bad = served.end_of(served.submit(storm(70, mood="raise")).job.id)
    assert (bad.status, bad.error.type) == ("failed", "internal")
    assert "ValueError" in bad.error.message
    unprepared = served.end_of(served.submit(storm(71, mood="bad-frames")).job.id)
    assert unprepared.error.type == "internal"
    assert served.end_of(served.submit(storm(72)).job.id).status == "succeeded"


def test_what_does_not_fit_even_alone_is_out_of_memory(served: World) -> None:
    job = served.end_of(served.submit(storm(80, mood="hungry")).job.id)
    assert (job.status, job.error.type) == ("failed", "out-of-memory")


def test_where_the_champion_is_refused_the_one_that_serves_answers_and_says_so(
    served: World,
) -> None:
    job = served.end_of(served.submit(storm(91), model_name="nobody").job.id)
    assert (job.status, job.model.name, job.model.version) == ("succeeded", "fake", "1")
    assert job.quality["model"] == "nobody/1 was refused here; fake/1 answered."
    assert "_fake-1_" in job.forecast_path


def test_what_is_made_for_comparison_is_made_by_no_other_model(served: World) -> None:
    asked = served.submit(storm(90), model_name="nobody", product="canary")
    job = served.end_of(asked.job.id)
    assert (job.status, job.error.type) == ("failed", "checkpoint-error")


def test_missing_input_fails_the_job(served: World) -> None:
    requested = request(served.archive, storm(100))
    (
        served.archive.root / "inputs" / requested.input_sha[:2] / f"{requested.input_sha}.json"
    ).unlink()
    job = served.end_of(served.jobs.submit(requested).job.id)
    assert (job.status, job.error.type) == ("failed", "not-in-archive")


def test_a_full_disk_fails_the_job_in_words(make_world) -> None:
    world = make_world(free_space_floor_bytes=1 << 60)
    world.start_worker()
    job = world.end_of(world.submit(storm()).job.id)
    assert (job.status, job.error.type) == ("failed", "disk-full")
    assert "must stay free" in job.error.message


def test_jobs_that_wait_go_into_one_launch(make_world, gate: Path) -> None:
    world = make_world(
        worker_concurrency=8,
        batch_items=8,
        linger_seconds=1.0,
        worker_metrics_port=(port := free_port()),
    )
    world.start_worker()
    first = world.submit(storm(0, mood=f"until:{gate}")).job
    world.running(first.id)
    mood = f"note:{gate.parent}"
    others = [world.submit(storm(seed, mood=mood)).job for seed in range(1, 7)]
    until(lambda: len(noted(gate.parent / "prepared")) == len(others))
    gate.touch()
    assert {world.end_of(job.id).status for job in (first, *others)} == {"succeeded"}

    def metrics() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            return answer.read().decode()

    # a job is counted after its end stands in the engine
    until(lambda: 'echocast_jobs_total{status="succeeded"} 7.0' in metrics())
    text = metrics()
    assert "echocast_launch_items_count 2.0" in text
    assert "echocast_launch_items_sum 7.0" in text
    assert "_created" not in text


def test_a_bad_item_and_a_greedy_one_cost_their_batch_nothing(make_world, gate: Path) -> None:
    world = make_world(worker_concurrency=8, batch_items=8, linger_seconds=1.0)
    world.start_worker()
    world.running(world.submit(storm(0, mood=f"until:{gate}")).job.id)
    moods = ["", "raise", "", "greedy", ""]
    jobs = [world.submit(storm(1 + n, mood=mood)).job for n, mood in enumerate(moods)]
    world.all_running(jobs)
    gate.touch()
    ends = [world.end_of(job.id).status for job in jobs]
    assert ends == ["succeeded", "failed", "succeeded", "succeeded", "succeeded"]


def test_sigterm_finishes_what_runs_and_leaves_the_rest_in_the_queue(
    make_world, gate: Path
) -> None:
    world, log = make_world(stop_grace_seconds=PATIENCE_SECONDS), gate.with_name("log")
    with log.open("wb") as stderr:
        worker = world.start_worker(stderr=stderr)
    jobs = [world.submit(storm(n, mood=f"until:{gate}")).job for n in range(16)]
    world.running(jobs[0].id)
    assert not world.jobs.engine.redis.keys("unacked*")  # no second list of what was taken
    worker.send_signal(signal.SIGTERM)
    until(lambda: "The worker stops" in log.read_text())
    gate.touch()
    assert worker.wait(PATIENCE_SECONDS) == 0
    assert world.jobs.alive_workers() == []
    statuses = [world.jobs.get(job.id).status for job in jobs]
    assert set(statuses) == {"succeeded", "queued"}
    world.start_worker()
    assert {world.end_of(job.id).status for job in jobs} == {"succeeded"}


def test_sigterm_gives_back_what_takes_too_long_and_counts_no_attempt(make_world) -> None:
    world = make_world(stop_grace_seconds=0.1)
    job = world.submit(storm(mood="hang")).job
    for _ in range(4):  # more often than a job may cost a worker
        worker = world.start_worker()
        world.running(job.id)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE_SECONDS) == 0
        assert world.jobs.alive_workers() == []
        stopped = world.jobs.get(job.id)
        assert (stopped.status, stopped.attempts) == ("queued", 0)


def test_a_cancelled_job_is_dropped_before_the_network_runs(served: World, gate: Path) -> None:
    first = served.submit(storm(110, mood=f"until:{gate}")).job
    served.running(first.id)
    second = served.submit(storm(111, mood="hang")).job
    served.running(second.id)
    assert served.jobs.release(second.id).status == "cancelled"
    third = served.submit(storm(112)).job
    for _ in range(2):  # the worker learns of it when it renews its leases
        before = lease_end(served, first)
        until(lambda before=before: lease_end(served, first) > before)
    gate.touch()
    assert served.end_of(third.id).status == "succeeded"
    assert served.jobs.get(second.id).status == "cancelled"


def test_a_job_that_is_cancelled_while_it_is_written_leaves_no_file(world: World) -> None:
    world.start_worker()
    job = world.submit(storm(0, mood="parts:1.0")).job
    written = until(lambda: list(world.archive.files.scratch_root.rglob("*.nc")))
    assert world.jobs.release(job.id).status == "cancelled"
    until(lambda: not any(path.exists() for path in written))
    assert not list(world.archive.root.glob("forecasts/**/*.nc"))
    assert world.end_of(world.submit(storm(1)).job.id).status == "succeeded"


def test_a_job_that_waits_beyond_its_deadline_expires(make_world, gate: Path) -> None:
    world = make_world(worker_concurrency=1, batch_items=1)
    world.start_worker()
    first = world.submit(storm(0, mood=f"until:{gate}")).job
    world.running(first.id)
    world.jobs.policy = replace(world.jobs.policy, deadline_seconds=0.5)  # of the second alone
    late = world.end_of(world.submit(storm(1)).job.id)
    gate.touch()
    assert world.end_of(first.id).status == "succeeded"
    assert (late.status, late.error.type) == ("expired", "deadline")


def test_a_job_that_waits_for_room_is_not_claimed_and_expires(make_world, gate: Path) -> None:
    large = storm().reflectivity_dbz.size
    world = make_world(pixels_in_work=large, unclaimed_seconds=0.1)
    world.start_worker()
    first = world.submit(storm(0, mood=f"until:{gate}")).job
    world.running(first.id)
    usual = world.jobs.policy
    world.jobs.policy = replace(usual, deadline_seconds=2.0)  # of the others alone
    others = [world.submit(storm(seed)).job for seed in range(1, 3)]
    ends = [world.end_of(job.id) for job in others]
    assert [(end.status, end.attempts, end.started) for end in ends] == [("expired", 0, None)] * 2
    world.jobs.policy = usual
    gate.touch()
    assert world.end_of(first.id).status == "succeeded"
    assert world.end_of(world.submit(storm(9)).job.id).status == "succeeded"


def test_two_engines_side_by_side_do_not_disturb_each_other(make_world) -> None:
    here, there = make_world(), make_world()
    here.start_worker()
    there.start_worker()
    job = here.end_of(here.submit(storm(0)).job.id)
    assert job.status == "succeeded"
    assert there.jobs.get(job.id) is None
    assert there.end_of(there.submit(storm(0)).job.id).status == "succeeded"
    for world in (here, there):
        own = [world.workers[0].pid]
        until(lambda w=world, own=own: [one.pid for one in w.jobs.alive_workers()] == own)
    assert there.jobs.get(job.id).created - job.created > timedelta(0)


@pytest.mark.parametrize("scheme", ["unix", "redis+socket"])
def test_a_worker_without_an_engine_says_so_and_ends(scheme: str, tmp_path) -> None:
    settings = WorkerSettings(
        redis_url=f"{scheme}://{tmp_path}/none.sock", engine_wait_seconds=0.1, data_dir=tmp_path
    )
    with pytest.raises(EngineUnavailable, match="echocast up"):
        run_worker(settings, load_fake)


def test_old_nowcasts_are_removed_when_there_are_too_many(make_world) -> None:
    world = make_world(adhoc_limit_bytes=0, adhoc_look_seconds=0.2)
    world.start_worker()
    sent = world.submit(storm(0))
    path = world.archive.files.local(world.end_of(sent.job.id).forecast_path)
    os.utime(path, (0, 0))
    until(lambda: not path.exists())
    assert world.archive.load_frames(sent.job.input_sha)  # young


@pytest.mark.parametrize(
    ("module", "begun"),
    [
        ("tests.workers.worker_with_fake", "takes jobs"),
        ("echocast.workers.retraining.trainer", "waits for retrainings"),
        ("echocast.workers.retraining.beat", "Beat asks"),
    ],
)
def test_who_waits_for_the_engine_says_so_and_goes_on(module: str, begun: str) -> None:
    with tempfile.TemporaryDirectory(prefix="ec-") as name:
        name_models(Path(name) / "models", "fake/1")
        waiting = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", module],
            env={**os.environ, "ECHOCAST_DATA_DIR": name, "ECHOCAST_FREE_SPACE_FLOOR_BYTES": "0"},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert next(line for line in waiting.stderr if "is waited for up to 30 s" in line)
            with EmbeddedEngine(Path(name) / "engine"):
                assert next(line for line in waiting.stderr if begun in line)
                waiting.terminate()
                waiting.communicate(timeout=PATIENCE_SECONDS)
        finally:
            waiting.kill()
            waiting.wait()
