"""JobStore: jobs as the engine keeps them, for those who submit and read them.

Every change of a job is one compare-and-set script (``lua/``), so that two processes can't both
win. Keys: ``echocast:job:<id>`` the hash, which is the truth; ``echocast:waiting`` ids of accepted
and queued jobs by time of publication; ``echocast:running`` ids by end of lease;
``echocast:verifying`` ids of finished jobs with observations that are not scored yet;
``echocast:frames`` frames of streams by attempts and the worker that processes them. Terminal
states never change, except that a new request starts the next generation of a job that did not
succeed or whose forecast is gone. Times come from the engine's clock, so that the hosts' clocks
don't matter.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from echocast.workers.engine.client import EngineClient
from echocast.workers.engine.scripts import load_scripts
from echocast.workers.errors import EngineUnavailable, IdempotencyConflict, QueueFull
from echocast.workers.jobs.job import Job, JobPolicy, JobRequest, Submission, WorkerInfo
from echocast.workers.jobs.queue import NOWCAST, VERIFY, Publisher

WAITING_KEY: Final = "echocast:waiting"
WORKERS_KEY: Final = "echocast:workers"
DONE_CHANNEL: Final = "echocast:done"  # pub/sub; JSON {"id", "status"} or {"id", "verified"}
REQUEST_PATIENCE_SECONDS = 3.0


class JobStore:
    """Jobs as the engine keeps them; safe to share among threads.

    Args:
        redis_url: Address of the engine: redis://, rediss://, unix:// or redis+socket://.
        policy: Limits and patience.
        patience_seconds: How long a call tries again while the engine is away.
    """

    def __init__(
        self,
        redis_url: str,
        policy: JobPolicy | None = None,
        *,
        patience_seconds: float = REQUEST_PATIENCE_SECONDS,
    ) -> None:
        self.policy = policy or JobPolicy()
        self.publisher = Publisher(redis_url)
        self.engine = EngineClient(redis_url, patience_seconds)
        scripts = load_scripts(__package__)
        self._submit = self.engine.script(scripts["submit"])
        self._published = self.engine.script(scripts["published"])
        self._release = self.engine.script(scripts["release"])
        self._observe = self.engine.script(scripts["observe"])
        self._alive = self.engine.script(scripts["alive"])

    def submit(self, request: JobRequest) -> Submission:
        """Accept a request: the hash is written first, then the message published.

        Raises:
            QueueFull: More jobs wait than the limit allows.
            IdempotencyConflict: The key came before with another body.
            EngineUnavailable: No engine answers; the request may be sent again.
        """
        outcome, unscored, values = self._submit(*self._submission(request))
        if outcome == "full":
            raise QueueFull(f"{self.policy.queue_limit} jobs wait already; try again later.")
        if outcome == "conflict":
            raise IdempotencyConflict(
                f"The idempotency key {request.idempotency_key!r} came before with another body."
            )
        job = job_of(values)
        if outcome == "created":
            job = self._queued(job)
        elif unscored:
            self.publisher.publish(VERIFY, job.id)
        return Submission(job, created=outcome == "created")

    def _submission(self, request: JobRequest) -> Sequence[str | int | float]:
        """Arguments of the script; the random token makes a repeated call harmless."""
        policy = self.policy
        return (
            request.job_id,
            request.to_json(),
            request.observation_sha or "",
            uuid.uuid4().hex,
            policy.queue_limit,
            policy.deadline_seconds,
            f"{request.caller}\n{request.idempotency_key}" if request.idempotency_key else "",
            request.body_sha,
            policy.idempotency_ttl_seconds,
            policy.ttl_seconds,
            request.caller,
            request.lost_generation,
        )

    def _queued(self, job: Job) -> Job:
        """Publish; where that fails the job is safe already and the janitor publishes it later."""
        with contextlib.suppress(EngineUnavailable):
            if self.publisher.publish(NOWCAST, job.id):
                return replace(job, status=self._published(job.id))
        return job

    def get(self, job_id: str) -> Job | None:
        """The job as it stands, or None where the engine knows none."""
        values = self.engine.call(lambda: self.engine.redis.hgetall(f"echocast:job:{job_id}"))
        return Job.from_hash(values) if values else None

    def release(self, job_id: str, caller: str = "") -> Job | None:
        """One request of a caller lets go; nobody else's does, so nobody else's job ends.

        When the last one does, a job that is not done is cancelled.
        """
        values = self._release(job_id, uuid.uuid4().hex, self.policy.ttl_seconds, caller)
        return job_of(values) if values else None

    def add_observations(self, job_id: str, observation_sha: str) -> Job | None:
        """Observations to score the job's forecast against, now or when it is finished.

        A job that failed, was cancelled or expired is returned as it is.
        """
        unscored, values = self._observe(job_id, observation_sha, self.policy.ttl_seconds)
        if unscored:
            self.publisher.publish(VERIFY, job_id)
        return job_of(values) if values else None

    def alive_workers(self) -> list[WorkerInfo]:
        """Workers that gave a sign of life within the lease time."""
        return [WorkerInfo.from_json(text) for text in self._alive()]

    def queue_depth(self) -> int:
        """Jobs that wait for a worker."""
        return int(self.engine.call(lambda: self.engine.redis.zcard(WAITING_KEY)))

    def ping(self) -> None:
        """Return when the engine answers.

        Raises:
            EngineUnavailable: It does not.
        """
        self.engine.call(self.engine.redis.ping)

    def close(self) -> None:
        """Close all connections."""
        self.publisher.close()
        self.engine.close()


def job_of(values: Sequence[str]) -> Job:
    """The job of a flat list of fields and values, as a script returns a hash."""
    return Job.from_hash(dict(zip(values[::2], values[1::2], strict=True)))
