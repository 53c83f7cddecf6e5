"""Observations that come after the forecast: scored by one at a time, none forgotten."""

from collections.abc import Callable
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from echocast.workers.jobs.leases import JobLeases
from echocast.workers.jobs.room import Room
from echocast.workers.tasks.verify import verify_late
from tests.workers.conftest import World, until
from tests.workers.jobs.test_jobs import ME, OBSERVED, OBSERVED_LATER, claimed, request


def test_late_observations_wait_until_they_are_scored(world: World) -> None:
    job = claimed(world, request())
    world.claims.finish(job, f"{ME}:1", "succeeded")
    assert world.jobs.add_observations(job.id, OBSERVED).awaits_verification
    mine = world.claims.begin_verification(job.id, "x:1")
    assert world.claims.begin_verification(job.id, "y:1") is None
    world.jobs.add_observations(job.id, OBSERVED_LATER)
    newer = world.claims.record_verification(mine, "x:1", {"n": 1}, None)
    assert newer.observation_shas == (OBSERVED, OBSERVED_LATER)
    assert world.claims.record_verification(newer, "x:1", {"n": 2}, None) == "recorded"
    scored = world.jobs.get(job.id)
    assert (scored.verification, scored.verified) == ({"n": 2}, 2)
    assert not scored.awaits_verification
    assert world.claims.begin_verification(job.id, "z:1") is None


def test_scores_of_a_forgotten_job_are_not_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = claimed(world, request())
    result = {"forecast_path": "forecasts/a.nc"}
    world.claims.finish(job, f"{ME}:1", "succeeded", result=result)
    world.jobs.add_observations(job.id, OBSERVED)
    counted = Mock()
    context = SimpleNamespace(
        leases=JobLeases(ME),
        room=Room(1, 10**9),
        jobs=world.claims,
        archive=None,
        metrics=counted,
    )

    def score_while_the_job_is_forgotten(*_: object) -> tuple[dict[str, int], None]:
        world.jobs.engine.redis.delete(f"echocast:job:{job.id}")
        return {"n": 1}, None

    monkeypatch.setattr("echocast.workers.tasks.verify.score", score_while_the_job_is_forgotten)
    verify_late(context, job.id)
    counted.on_scores.assert_not_called()


def test_scoring_that_ends_its_worker_each_time_is_given_up(
    make_world: Callable[..., World],
) -> None:
    world = make_world(lease_seconds=0.02)
    job = claimed(world, request())
    world.claims.finish(job, f"{ME}:1", "succeeded")
    world.jobs.add_observations(job.id, OBSERVED)
    for attempt in range(3):
        assert until(lambda n=attempt: world.claims.begin_verification(job.id, f"x:{n}"))
    until(lambda: world.claims.begin_verification(job.id, "x:4") or world.jobs.get(job.id).verified)
    given_up = world.jobs.get(job.id)
    assert given_up.verification_error.type == "poison"
    assert not given_up.awaits_verification


@pytest.mark.parametrize("end", ["failed", "cancelled", "expired"])
def test_a_job_without_a_forecast_takes_no_observations(world: World, end: str) -> None:
    job = claimed(world, request())
    world.claims.finish(job, f"{ME}:1", end)
    assert world.jobs.add_observations(job.id, OBSERVED).observation_shas == ()
