"""Whatever happens in whatever order: one end per generation, no claim shared, nothing lost."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echocast.workers.engine.embedded import EmbeddedEngine
from echocast.workers.jobs.job import TERMINAL, Job, JobPolicy, JobRequest
from echocast.workers.jobs.store import JobStore

REQUEST = JobRequest("a" * 64, datetime(2026, 7, 1, tzinfo=UTC), "fake", "1", (10, 16, 16))
POLICY = JobPolicy(lease_seconds=0.001, maximum_attempts=3)
MOVES = st.one_of(
    st.tuples(st.just("submit"), st.just(0)),
    st.tuples(st.just("release"), st.just(0)),
    st.tuples(st.just("claim"), st.integers(1, 2)),
    st.tuples(st.just("succeed"), st.integers(1, 2)),
    st.tuples(st.just("fail"), st.integers(1, 2)),
    st.tuples(st.just("give back"), st.integers(1, 2)),
    st.tuples(st.just("sweep"), st.just(0)),
    st.tuples(st.just("observe"), st.integers(1, 2)),
)


@pytest.fixture(scope="module")
def stores() -> Iterator[tuple[JobStore, JobStore]]:
    with (
        tempfile.TemporaryDirectory(prefix="echocast-") as directory,
        EmbeddedEngine(Path(directory)) as engine,
    ):
        jobs, claims = (JobStore(engine.url, POLICY, patience_seconds=5) for _ in range(2))
        claims._leases_may_lapse = lambda: True
        yield jobs, claims
        jobs.close()
        claims.close()


class Life:
    """One job under any sequence of moves by a caller and three workers."""

    def __init__(self, jobs: JobStore, claims: JobStore) -> None:
        self.jobs, self.claims = jobs, claims
        self.jobs.engine.redis.flushdb()
        self.claimed: dict[int, tuple[str, Job]] = {}
        self.ends: dict[int, list[str]] = {}
        self.current: str | None = None
        self.numbers = iter(range(10**6))

    def move(self, what: str, who: int) -> None:
        before = self.jobs.get(REQUEST.job_id)
        getattr(self, what.replace(" ", "_"))(who)
        after = self.jobs.get(REQUEST.job_id)
        if before and after and before.terminal and before.generation == after.generation:
            assert after.status == before.status
        if after and after.terminal and not (before and before.terminal):
            self.ends.setdefault(after.generation, []).append(after.status)
        self.check(after)

    def submit(self, _: int) -> None:
        self.jobs.submit(REQUEST)

    def release(self, _: int) -> None:
        self.jobs.release(REQUEST.job_id)

    def claim(self, who: int) -> None:
        claim = f"w{who}:{next(self.numbers)}"
        job = self.claims.claim(REQUEST.job_id, claim, f"w{who}", alone=True)
        if isinstance(job, Job):
            assert self.current is None
            self.claimed[who], self.current = (claim, job), claim

    def _finish(self, who: int, status: str) -> None:
        if who in self.claimed:
            claim, job = self.claimed[who]
            outcome = self.claims.finish(job, claim, status, job.observation_shas)
            if outcome == "finished":
                assert claim == self.current
                assert self.jobs.get(job.id).generation == job.generation

    def succeed(self, who: int) -> None:
        self._finish(who, "succeeded")

    def fail(self, who: int) -> None:
        self._finish(who, "failed")

    def give_back(self, who: int) -> None:
        if who in self.claimed:
            claim, job = self.claimed[who]
            self.claims.give_back(job.id, claim)

    def sweep(self, _: int) -> None:
        self.claims.sweep(0.0)

    def observe(self, who: int) -> None:
        self.jobs.add_observations(REQUEST.job_id, str(who) * 64)

    def check(self, job: Job | None) -> None:
        if job is None:
            return
        if job.status != "running":
            self.current = None
        redis = self.jobs.engine.redis
        waits = redis.zscore("echocast:waiting", job.id) is not None
        runs = redis.zscore("echocast:running", job.id) is not None
        assert waits == (job.status in ("accepted", "queued"))
        assert runs == (job.status == "running")
        assert (redis.ttl(f"echocast:job:{job.id}") > 0) == job.terminal
        assert 0 <= job.attempts <= POLICY.maximum_attempts
        assert job.holders >= 0
        assert all(len(ends) == 1 and ends[0] in TERMINAL for ends in self.ends.values())
        assert job.verified <= len(job.observation_shas)
        if job.awaits_verification:
            assert redis.zscore("echocast:verifying", job.id) is not None


@settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(moves=st.lists(MOVES, min_size=8, max_size=40))
def test_any_order_of_moves_keeps_the_laws(stores, moves: list[tuple[str, int]]) -> None:
    life = Life(*stores)
    life.submit(0)
    for what, who in moves:
        life.move(what, who)
