"""JobStore: jobs as the engine keeps them, for those who submit, read and run them.

Every change of a job is one compare-and-set script (``lua/``), so that two processes can't both
win. Keys: ``echocast:job:<id>`` the hash, which is the truth; ``echocast:waiting`` ids of accepted
and queued jobs by time of publication; ``echocast:running`` ids by end of lease;
``echocast:verifying`` ids of finished jobs with observations that are not scored yet;
``echocast:order``, ``turns``, ``turn``, ``newest`` and ``line:<account>`` whose turn it is
(``lua/prelude.lua``);
``echocast:time`` when a script ran last, by which jumps of the engine's clock are seen;
``echocast:frames`` frames of streams by attempts and the worker that processes them. Terminal
states never change, except that a new request starts the next generation of a job that did not
succeed or whose forecast is gone. Times come from the engine's clock, so that the hosts' clocks
don't matter.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from echocast.workers.engine.client import EngineClient
from echocast.workers.engine.scripts import load_scripts
from echocast.workers.errors import (
    CallerQueueFull,
    EngineUnavailable,
    IdempotencyConflict,
    QueueFull,
)
from echocast.workers.jobs.end_line import log_stored_end
from echocast.workers.jobs.job import (
    LONGEST_LINE,
    TERMINAL,
    Job,
    JobError,
    JobPolicy,
    JobRequest,
    Submission,
    Sweep,
)
from echocast.workers.jobs.queue import NOWCAST, VERIFY, Publisher
from echocast.workers.jobs.worker_info import WorkerInfo

WAITING_KEY: Final = "echocast:waiting"
WORKERS_KEY: Final = "echocast:workers"
DONE_CHANNEL: Final = "echocast:done"  # pub/sub; JSON {"id", "status"} or {"id", "verified"}
REQUEST_PATIENCE_SECONDS = 3.0
MOST_SWEPT = 500  # jobs of each kind that one sweep publishes or ends
SCORING_LEASES = 4  # lease times after which another worker may start the scoring


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
        self._scripts = {
            name: self.engine.script(text) for name, text in load_scripts(__package__).items()
        }

    def _run(self, script: str, *arguments: Any) -> Any:
        return self._scripts[script](*arguments)

    def submit(self, request: JobRequest) -> Submission:
        """Accept a request: the hash is written first, then the message published.

        Raises:
            QueueFull: More jobs wait than the limit allows.
            CallerQueueFull: More of the same account do.
            IdempotencyConflict: The key came before with another body.
            EngineUnavailable: No engine answers; the request may be sent again.
        """
        outcome, unscored, values, dropped = self._run("submit", *self._submission(request))
        if dropped:
            log_stored_end(job_of(dropped))
        if outcome == "full":
            raise QueueFull(f"{self.policy.queue_limit} jobs wait already; try again later.")
        if outcome == "account-full":
            limit = self._account_limit(request)
            raise CallerQueueFull(f"{limit} jobs of yours wait already; try again later.")
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
            request.account,
            self._account_limit(request),
            request.charge,
            request.rank,
            int(request.goes_first),
        )

    def _account_limit(self, request: JobRequest) -> int:
        return LONGEST_LINE if request.stream else self.policy.caller_queue_limit

    def _queued(self, job: Job) -> Job:
        """Publish; where that fails the job is safe already and the janitor publishes it later."""
        with contextlib.suppress(EngineUnavailable):
            if self.publisher.publish(NOWCAST, job.id):
                return replace(job, status=self._run("published", job.id))
        return job

    def get(self, job_id: str) -> Job | None:
        """The job as the engine has it now, or None."""
        values = self.engine.call(lambda: self.engine.redis.hgetall(f"echocast:job:{job_id}"))
        return Job.from_hash(values) if values else None

    def release(self, job_id: str, caller: str = "", *, for_everybody: bool = False) -> Job | None:
        """A caller takes one of its requests for the job back; those of others stay.

        When the last one is taken back, a job that is not done is cancelled.

        Args:
            job_id: Which job.
            caller: Who takes it back.
            for_everybody: Cancel the job, whoever needs it.
        """
        token, ttl = uuid.uuid4().hex, self.policy.ttl_seconds
        values = self._run("release", job_id, token, ttl, caller, int(for_everybody))
        return job_of(values) if values else None

    def add_observations(self, job_id: str, observation_sha: str) -> Job | None:
        """Observations to score the job's forecast against, now or when it is finished.

        A job that failed, was cancelled or expired is returned as it is.
        """
        unscored, values = self._run("observe", job_id, observation_sha, self.policy.ttl_seconds)
        if unscored:
            self.publisher.publish(VERIFY, job_id)
        return job_of(values) if values else None

    def next_waiting(self, message: str) -> Job | None:
        """The job whose turn it is, or None where none waits.

        Args:
            message: The job that the worker was told about: an older version may have accepted it,
                which knows no turns.
        """
        values = self._run("next", message)
        return job_of(values) if values else None

    def claim(
        self, job_id: str, claim: str, incarnation: str, *, alone: bool
    ) -> Job | Literal["taken", "alone"]:
        """The job, claimed; ``alone`` where it must run alone; ``taken`` where it waits no more."""
        lease, ttl = self.policy.lease_seconds, self.policy.ttl_seconds
        outcome, values = self._run("claim", job_id, claim, incarnation, lease, int(alone), ttl)
        if outcome == "claimed":
            return job_of(values)
        if outcome == "expired":
            log_stored_end(job_of(values))
        return "alone" if outcome == "alone" else "taken"

    def renew(self, claims: Mapping[str, str]) -> list[str]:
        """Renew the leases of claim -> job id; the claims that are lost are returned."""
        flat = [part for claim, job_id in claims.items() for part in (job_id, claim)]
        return list(self._run("renew", self.policy.lease_seconds, *flat))

    def finish(
        self,
        job: Job,
        claim: str,
        status: str,
        scored: Sequence[str] = (),
        **fields: Any,
    ) -> Literal["finished", "lost"] | tuple[str, ...]:
        """End a claimed job, or return its observations where some are not ``scored`` yet.

        Raises:
            ValueError: The status is not terminal.
        """
        if status not in TERMINAL:
            raise ValueError(f"{status!r} is no terminal status; those are {TERMINAL}.")
        encoded = [part for item in fields.items() for part in (item[0], json.dumps(item[1]))]
        head = (job.id, claim, status, self.policy.ttl_seconds)
        outcome, observations = self._run("finish", *head, " ".join(scored), len(scored), *encoded)
        if outcome == "observed":
            return tuple(observations.split())
        return "lost" if outcome == "lost" else "finished"

    def give_back(self, job_id: str, claim: str) -> None:
        """Let others run or score a claimed job; the attempt does not count."""
        outcome = self._run("give_back", job_id, claim)
        if task := {"queued": NOWCAST, "unscored": VERIFY}.get(outcome):
            self.publisher.publish(task, job_id)

    def try_later(
        self, job_id: str, claim: str, *, alone: bool
    ) -> Literal["queued", "exhausted", "lost"]:
        """Let a claimed job wait for another attempt; this one counts.

        No message is published: the janitor does it, when the worker may have what it lacked, or
        another worker is free. ``exhausted``: no attempt is left, and the job is still claimed.

        Args:
            job_id: Which job.
            claim: Of this worker.
            alone: The next attempt runs without other jobs beside it.
        """
        most = self.policy.maximum_attempts
        outcome: Literal["queued", "exhausted", "lost"]
        outcome = self._run("try_later", job_id, claim, most, int(alone))
        return outcome

    def begin_verification(self, job_id: str, claim: str) -> Job | None:
        """The job, where its observations are to be scored and no other worker does it."""
        lock_milliseconds = int(1000 * SCORING_LEASES * self.policy.lease_seconds)
        values = self._run(
            "begin_verification", job_id, claim, self.policy.maximum_attempts, lock_milliseconds
        )
        return job_of(values) if values else None

    def record_verification(
        self,
        job: Job,
        claim: str,
        verification: Mapping[str, Any] | None,
        error: JobError | None,
    ) -> Literal["recorded", "lost"] | Job:
        """Store the scores, or return the job as it is with the observations that came since.

        ``lost`` where the engine has forgotten the job: nothing was stored.
        """
        outcome, values = self._run(
            "record_verification",
            job.id,
            claim,
            " ".join(job.observation_shas),
            len(job.observation_shas),
            json.dumps(verification),
            json.dumps(error.__dict__) if error else "",
        )
        if outcome == "observed":
            return job_of(values)
        return "lost" if outcome == "lost" else "recorded"

    def beat(self, worker: WorkerInfo) -> None:
        """A worker's sign of life, good for one lease time."""
        self._run("beat", worker.incarnation, worker.to_json(), self.policy.lease_seconds)

    def say_goodbye(self, incarnation: str) -> None:
        """Forget a worker that stops."""
        self._run("goodbye", incarnation)

    def elect(self, incarnation: str, seconds: float) -> bool:
        """True where this worker is the janitor for the next ``seconds``."""
        return bool(self._run("elect", incarnation, int(1000 * seconds)))

    def sweep(self, unclaimed_seconds: float) -> Sweep:
        """Put jobs back whose worker died or message was lost; end expired and poison jobs."""
        publish, verify, ended, *counts = self._run(
            "sweep",
            self.policy.maximum_attempts,
            unclaimed_seconds,
            NOWCAST,
            self.policy.ttl_seconds,
            MOST_SWEPT,
            int(self._leases_may_lapse()),
        )
        for job_id in publish:
            self.publisher.publish(NOWCAST, job_id)
        for job_id in verify:
            self.publisher.publish(VERIFY, job_id)
        return Sweep(tuple(publish), tuple(verify), tuple(ended), *counts)

    def _leases_may_lapse(self) -> bool:
        """Not before an engine that was away has been back long enough for every renewal."""
        server = self.engine.call(lambda: self.engine.redis.info("server"))
        uptime = float(server["uptime_in_seconds"])  # negative where its clock went back
        return not 0 <= uptime < self.policy.lease_seconds

    def alive_workers(self) -> list[WorkerInfo]:
        """Workers that gave a sign of life within the lease time."""
        return [WorkerInfo.from_json(text) for text in self._run("alive")]

    def queue_depth(self) -> int:
        """Jobs that wait for a worker."""
        return int(self.engine.call(lambda: self.engine.redis.zcard(WAITING_KEY)))

    def ping(self) -> None:
        """Check that the engine answers.

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
