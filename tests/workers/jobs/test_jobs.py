"""The transitions of a job, one by one, on a real engine."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from echocast.workers.errors import EngineUnavailable, IdempotencyConflict, QueueFull
from echocast.workers.jobs.job import Job, JobPolicy, JobRequest
from echocast.workers.jobs.queue import NOWCAST
from echocast.workers.jobs.store import JobStore
from tests.workers.conftest import World

SHAPE = (10, 16, 16)
OBSERVED, OBSERVED_LATER = "b" * 64, "c" * 64
ME = "host-1-aaaa"
RUNNING_KEY = "echocast:running"


def request(name: str = "a", **fields: object) -> JobRequest:
    time = datetime(2026, 7, 1, 12, tzinfo=UTC)
    return replace(JobRequest(name * 64, time, "fake", "1", SHAPE), **fields)


def claimed(world: World, request: JobRequest, claim: str = f"{ME}:1") -> Job:
    job = world.claims.claim(world.jobs.submit(request).job.id, claim, ME, alone=False)
    assert isinstance(job, Job)
    return job


def lets_lapse(world: World, job: Job) -> None:
    """The lease of a job that runs ended long ago, as if nobody had renewed it."""
    world.jobs.engine.redis.zadd(RUNNING_KEY, {job.id: 1.0})


def lease_end(world: World, job: Job) -> float:
    """When the lease of a job that runs ends, by the engine's clock."""
    return float(world.jobs.engine.redis.zscore(RUNNING_KEY, job.id))


def test_the_id_names_the_forecast_and_nothing_else() -> None:
    plain = request()
    same = request(observation_sha=OBSERVED, idempotency_key="k", body_sha="x")
    shifted = plain.forecast_reference_time.astimezone(timezone(timedelta(hours=5)))
    assert plain.job_id == same.job_id == request(forecast_reference_time=shifted).job_id
    others = [
        request("f"),
        request(forecast_reference_time=plain.forecast_reference_time + timedelta(minutes=5)),
        request(model_name="other"),
        request(model_version="2"),
        request(product="fine"),
        request(leads=10),
        request(leads=24),
    ]
    assert len({plain.job_id, *(other.job_id for other in others)}) == 8


def test_an_accepted_job_tells_what_was_asked(world: World) -> None:
    sent = world.jobs.submit(request(observation_sha=OBSERVED))
    job = sent.job
    assert sent.created
    assert (job.status, job.generation, job.holders, job.attempts) == ("queued", 1, 1, 0)
    assert job.input_sha == "a" * 64
    assert job.shape == SHAPE
    assert job.observation_shas == (OBSERVED,)
    assert (job.model.name, job.model.version) == ("fake", "1")
    assert abs(job.created - datetime.now(UTC)) < timedelta(seconds=10)
    assert world.jobs.get(job.id) == job
    assert world.jobs.queue_depth() == 1


def test_an_unknown_job_is_none(world: World) -> None:
    assert world.jobs.get("nobody") is None
    assert world.jobs.release("nobody") is None
    assert world.jobs.add_observations("nobody", OBSERVED) is None
    assert world.claims.begin_verification("nobody", "x") is None


def test_the_same_request_again_holds_the_same_job(world: World) -> None:
    first = world.jobs.submit(request())
    again = world.jobs.submit(request(observation_sha=OBSERVED))
    assert not again.created
    assert again.job.id == first.job.id
    assert again.job.holders == 2
    assert again.job.observation_shas == (OBSERVED,)
    assert world.jobs.engine.redis.llen(NOWCAST) == 1


def test_only_the_last_holder_cancels(world: World) -> None:
    job = world.jobs.submit(request()).job
    world.jobs.submit(request())
    assert world.jobs.release(job.id).status == "queued"
    cancelled = world.jobs.release(job.id)
    assert (cancelled.status, cancelled.holders) == ("cancelled", 0)
    assert cancelled.finished is not None
    assert world.claims.claim(job.id, "x:1", "x", alone=False) == "taken"
    assert world.jobs.queue_depth() == 0


def test_releasing_a_finished_job_changes_nothing_but_its_holders(world: World) -> None:
    job = claimed(world, request())
    world.claims.finish(job, f"{ME}:1", "succeeded")
    released = world.jobs.release(job.id)
    assert (released.status, released.holders) == ("succeeded", 0)


@pytest.mark.parametrize("end", ["failed", "cancelled", "expired"])
def test_a_job_that_did_not_succeed_is_started_afresh(world: World, end: str) -> None:
    job = claimed(world, request(observation_sha=OBSERVED))
    world.claims.finish(job, f"{ME}:1", end, error={"type": "x", "message": "y"})
    again = world.jobs.submit(request())
    assert again.created
    assert (again.job.id, again.job.generation) == (job.id, 2)
    assert (again.job.status, again.job.holders, again.job.attempts) == ("queued", 1, 0)
    assert (again.job.error, again.job.observation_shas) == (None, ())
    assert world.jobs.engine.redis.ttl(f"echocast:job:{job.id}") == -1


def test_a_job_whose_forecast_is_lost_is_started_afresh_once(world: World) -> None:
    keyed = request(idempotency_key="k", body_sha="x")
    job = claimed(world, keyed)
    world.claims.finish(job, f"{ME}:1", "succeeded")
    lost = replace(keyed, lost_generation=1)
    again = world.jobs.submit(lost)
    assert again.created
    assert (again.job.status, again.job.generation) == ("queued", 2)
    assert not world.jobs.submit(lost).created
    assert world.jobs.get(job.id).generation == 2


def test_a_claim_of_an_earlier_generation_can_not_end_the_next(world: World) -> None:
    old = claimed(world, request(), f"{ME}:1")
    world.jobs.release(old.id)
    new = claimed(world, request(), f"{ME}:2")
    assert new.generation == 2
    assert world.claims.finish(old, f"{ME}:1", "failed") == "lost"
    assert world.claims.renew({f"{ME}:1": old.id, f"{ME}:2": new.id}) == [f"{ME}:1"]
    assert world.claims.finish(new, f"{ME}:2", "succeeded") == "finished"


def test_an_idempotency_key_gives_the_same_job_without_another_holder(world: World) -> None:
    keyed = request(idempotency_key="k", body_sha="x")
    first = world.jobs.submit(keyed)
    again = world.jobs.submit(keyed)
    assert first.created
    assert not again.created
    assert (again.job.id, again.job.holders) == (first.job.id, 1)


def test_an_idempotency_key_belongs_to_its_caller(world: World) -> None:
    first = world.jobs.submit(request(caller="a", idempotency_key="k", body_sha="x"))
    second = world.jobs.submit(request("d", caller="b", idempotency_key="k", body_sha="y"))
    assert second.created
    assert second.job.id != first.job.id


def test_one_caller_can_not_cancel_what_another_holds(world: World) -> None:
    job = world.jobs.submit(request(caller="a")).job
    world.jobs.submit(request(caller="b"))
    for _ in range(3):
        assert world.jobs.release(job.id, "a").status == "queued"
    assert world.jobs.release(job.id, "nobody").holders == 1
    assert world.jobs.release(job.id, "b").status == "cancelled"


def test_an_idempotency_key_with_another_body_is_refused(world: World) -> None:
    world.jobs.submit(request(idempotency_key="k", body_sha="x"))
    with pytest.raises(IdempotencyConflict, match="'k'"):
        world.jobs.submit(request("d", idempotency_key="k", body_sha="y"))
    assert world.jobs.queue_depth() == 1


def test_a_full_queue_refuses_new_jobs_but_not_known_ones(make_world: Callable[..., World]) -> None:
    world = make_world(queue_limit=2)
    known = world.jobs.submit(request("1"))
    world.jobs.submit(request("2"))
    with pytest.raises(QueueFull, match="2 jobs wait"):
        world.jobs.submit(request("3", idempotency_key="k", body_sha="x"))
    assert world.jobs.get(request("3").job_id) is None
    assert world.jobs.submit(request("1")).job.id == known.job.id
    claimed(world, request("1"))
    assert world.jobs.submit(request("3", idempotency_key="k", body_sha="x")).created


def test_one_claim_wins(world: World) -> None:
    job = world.jobs.submit(request()).job
    first = world.claims.claim(job.id, "x:1", "x", alone=False)
    assert isinstance(first, Job)
    assert (first.status, first.attempts) == ("running", 1)
    assert world.claims.claim(job.id, "y:1", "y", alone=False) == "taken"
    assert world.claims.claim("nobody", "y:2", "y", alone=False) == "taken"


def test_only_the_claim_ends_the_job_and_only_once(world: World) -> None:
    job = claimed(world, request())
    assert world.claims.finish(job, "thief:1", "failed") == "lost"
    assert world.claims.finish(job, f"{ME}:1", "succeeded") == "finished"
    assert world.claims.finish(job, f"{ME}:1", "failed") == "lost"
    assert world.jobs.get(job.id).status == "succeeded"
    assert 0 < world.jobs.engine.redis.ttl(f"echocast:job:{job.id}") <= 7 * 86400


@pytest.mark.parametrize("use", ["submit", "submit with the same key", "observe"])
def test_a_job_that_is_used_again_is_remembered_as_long_again(world: World, use: str) -> None:
    keyed = request(idempotency_key="k", body_sha="x")
    job = claimed(world, keyed)
    world.claims.finish(job, f"{ME}:1", "succeeded")
    redis, key = world.jobs.engine.redis, f"echocast:job:{job.id}"
    redis.expire(key, 60)
    {
        "submit": lambda: world.jobs.submit(request()),
        "submit with the same key": lambda: world.jobs.submit(keyed),
        "observe": lambda: world.jobs.add_observations(job.id, OBSERVED),
    }[use]()
    assert redis.ttl(key) > 6 * 86400


def test_a_job_can_not_end_in_a_state_that_is_no_end(world: World) -> None:
    with pytest.raises(ValueError, match="terminal"):
        world.claims.finish(claimed(world, request()), f"{ME}:1", "running")


def test_a_job_does_not_succeed_while_observations_are_unscored(world: World) -> None:
    job = claimed(world, request(observation_sha=OBSERVED))
    world.jobs.add_observations(job.id, OBSERVED_LATER)
    world.jobs.add_observations(job.id, OBSERVED)
    both = (OBSERVED, OBSERVED_LATER)
    assert world.claims.finish(job, f"{ME}:1", "succeeded", (OBSERVED,)) == both
    assert world.jobs.get(job.id).status == "running"
    assert world.claims.finish(job, f"{ME}:1", "succeeded", both) == "finished"
    assert world.jobs.get(job.id).verified == 2


def test_a_job_given_back_waits_again_and_the_attempt_does_not_count(world: World) -> None:
    job = claimed(world, request())
    world.claims.give_back(job.id, "thief:1")
    assert world.jobs.get(job.id).status == "running"
    world.claims.give_back(job.id, f"{ME}:1")
    waiting = world.jobs.get(job.id)
    assert (waiting.status, waiting.attempts) == ("queued", 0)


def test_without_an_engine_calls_fail_in_words(tmp_path) -> None:
    store = JobStore(f"unix://{tmp_path}/none.sock", JobPolicy(), patience_seconds=0.1)
    with pytest.raises(EngineUnavailable, match="does not answer"):
        store.submit(request())
    with pytest.raises(EngineUnavailable):
        store.ping()
    store.close()


def test_a_submission_whose_answer_was_lost_is_not_held_twice(world: World, monkeypatch) -> None:
    run, calls = world.jobs._scripts["submit"], []

    def twice(*values: object) -> object:
        calls.append(run(*values))
        return run(*values)

    monkeypatch.setitem(world.jobs._scripts, "submit", twice)
    sent = world.jobs.submit(request(idempotency_key="k", body_sha="x"))
    assert len(calls) == 1
    assert sent.created
    assert sent.job.holders == 1


def test_a_release_whose_answer_was_lost_counts_once(world: World, monkeypatch) -> None:
    job = world.jobs.submit(request()).job
    world.jobs.submit(request())
    run = world.jobs._scripts["release"]
    twice = lambda *values: (run(*values), run(*values))[1]  # noqa: E731
    monkeypatch.setitem(world.jobs._scripts, "release", twice)
    assert world.jobs.release(job.id).holders == 1
