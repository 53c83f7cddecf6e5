"""ClaimStore: jobs as the engine keeps them, for the workers that run them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from echocast.workers.engine.client import EngineClient
from echocast.workers.engine.scripts import load_scripts
from echocast.workers.jobs.job import TERMINAL, WAITING, Job, JobError, JobPolicy, WorkerInfo
from echocast.workers.jobs.queue import NOWCAST, VERIFY, Publisher
from echocast.workers.jobs.store import job_of

SCORING_LEASES = 4  # lease times after which scoring may be started by somebody else


@dataclass(frozen=True)
class Sweep:
    """What a sweep found: ids to publish again, and counts of what it decided."""

    publish: tuple[str, ...]
    verify: tuple[str, ...]
    lapsed: int
    poisoned: int
    expired: int


class ClaimStore:
    """Claims on jobs; safe to share among threads.

    Args:
        redis_url: Address of the engine.
        policy: Limits and patience.
        patience_seconds: How long a call tries again while the engine is away.
    """

    def __init__(self, redis_url: str, policy: JobPolicy, patience_seconds: float) -> None:
        self.policy = policy
        self.publisher = Publisher(redis_url)
        self.engine = EngineClient(redis_url, patience_seconds)
        scripts = load_scripts(__package__)
        self._claim = self.engine.script(scripts["claim"])
        self._renew = self.engine.script(scripts["renew"])
        self._finish = self.engine.script(scripts["finish"])
        self._give_back = self.engine.script(scripts["give_back"])
        self._begin_verification = self.engine.script(scripts["begin_verification"])
        self._record_verification = self.engine.script(scripts["record_verification"])
        self._beat = self.engine.script(scripts["beat"])
        self._goodbye = self.engine.script(scripts["goodbye"])
        self._elect = self.engine.script(scripts["elect"])
        self._sweep = self.engine.script(scripts["sweep"])

    def look(self, job_id: str) -> Job | None:
        """The job as it stands, where it waits for a worker."""
        values = self.engine.call(lambda: self.engine.redis.hgetall(f"echocast:job:{job_id}"))
        return Job.from_hash(values) if values.get("status") in WAITING else None

    def claim(
        self, job_id: str, claim: str, incarnation: str, *, alone: bool
    ) -> Job | Literal["taken", "alone"]:
        """The job, now held; ``alone`` where it must run alone; ``taken`` where none is to do."""
        lease, ttl = self.policy.lease_seconds, self.policy.ttl_seconds
        outcome, values = self._claim(job_id, claim, incarnation, lease, int(alone), ttl)
        if outcome == "claimed":
            return job_of(values)
        return "alone" if outcome == "alone" else "taken"

    def renew(self, claims: Mapping[str, str]) -> list[str]:
        """Renew the leases of claim -> job id; the claims that are lost are returned."""
        held = [part for claim, job_id in claims.items() for part in (job_id, claim)]
        return list(self._renew(self.policy.lease_seconds, *held))

    def finish(
        self,
        job: Job,
        claim: str,
        status: str,
        scored: Sequence[str] = (),
        **fields: Any,
    ) -> Literal["finished", "lost"] | tuple[str, ...]:
        """End a held job; or its observations, where some came that are not ``scored`` yet.

        Raises:
            ValueError: The status is not terminal.
        """
        if status not in TERMINAL:
            raise ValueError(f"{status!r} is no terminal status; those are {TERMINAL}.")
        encoded = [part for item in fields.items() for part in (item[0], json.dumps(item[1]))]
        head = (job.id, claim, status, self.policy.ttl_seconds)
        outcome, observations = self._finish(*head, " ".join(scored), len(scored), *encoded)
        if outcome == "observed":
            return tuple(observations.split())
        return "lost" if outcome == "lost" else "finished"

    def give_back(self, job_id: str, claim: str) -> None:
        """Put a held job back into the queue; the attempt does not count."""
        if self._give_back(job_id, claim):
            self.publisher.publish(NOWCAST, job_id)

    def begin_verification(self, job_id: str, claim: str) -> Job | None:
        """The job, where its observations are to be scored and nobody else does it."""
        lock_milliseconds = int(1000 * SCORING_LEASES * self.policy.lease_seconds)
        values = self._begin_verification(
            job_id, claim, self.policy.maximum_attempts, lock_milliseconds
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
        outcome, values = self._record_verification(
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
        self._beat(worker.incarnation, worker.to_json(), self.policy.lease_seconds)

    def say_goodbye(self, incarnation: str) -> None:
        """Forget a worker that stops."""
        self._goodbye(incarnation)

    def elect(self, incarnation: str, seconds: float) -> bool:
        """True where this worker is the janitor for the next ``seconds``."""
        return bool(self._elect(incarnation, int(1000 * seconds)))

    def sweep(self, unclaimed_seconds: float, most: int = 500) -> Sweep:
        """Put jobs back whose worker fell silent or whose message was lost; end the hopeless."""
        head = self.engine.call(lambda: self.publisher.head_of_queue(self.engine.redis))
        publish, verify, *counts = self._sweep(
            self.policy.maximum_attempts,
            unclaimed_seconds,
            head or "",
            self.policy.ttl_seconds,
            most,
            int(self._leases_may_lapse()),
        )
        for job_id in publish:
            self.publisher.publish(NOWCAST, job_id)
        for job_id in verify:
            self.publisher.publish(VERIFY, job_id)
        return Sweep(tuple(publish), tuple(verify), *counts)

    def _leases_may_lapse(self) -> bool:
        """Not before an engine that was away has been back long enough for every renewal."""
        server = self.engine.call(lambda: self.engine.redis.info("server"))
        return float(server["uptime_in_seconds"]) >= self.policy.lease_seconds

    def close(self) -> None:
        """Close all connections."""
        self.publisher.close()
        self.engine.close()
