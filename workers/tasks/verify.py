"""The verify task: score a finished forecast against observations that came late."""

from __future__ import annotations

import logging
from contextlib import ExitStack

from echocast.model.errors import EchocastError
from echocast.workers.errors import EngineUnavailable, shortage_of
from echocast.workers.jobs.job import Job, JobError
from echocast.workers.tasks.context import WorkerContext
from echocast.workers.tasks.job_scores import score

log = logging.getLogger("echocast.verify")


def verify_late(context: WorkerContext, job_id: str) -> None:
    """Score until no further observations come meanwhile; one scorer per job at a time."""
    with context.room.enter(), ExitStack() as scored:
        claim = context.leases.new_claim()
        job: Job | str | None = _begin(context, job_id, claim, scored)
        while isinstance(job, Job):
            job = _score_once(context, job, claim)


def _begin(context: WorkerContext, job_id: str, claim: str, scored: ExitStack) -> Job | None:
    """The job, where it is to be scored here; it is given back if the worker stops meanwhile."""
    with context.leases.open() as may_begin:
        job = context.jobs.begin_verification(job_id, claim) if may_begin else None
        if job:
            scored.enter_context(context.leases.hold(claim, job_id))
    return job


def _score_once(context: WorkerContext, job: Job, claim: str) -> Job | str | None:
    """The job with the observations that came meanwhile; no job where all are scored."""
    if job.forecast_path is None:
        return None
    try:
        scores, problem = score(context.archive, job, job.forecast_path)
    except EngineUnavailable:
        raise
    except (EchocastError, OSError, MemoryError) as error:
        if shortage := shortage_of(error):
            log.warning("Job %s can't be scored now: %s", job.id, shortage)
            return None  # the janitor has it scored later; this attempt counts
        if not isinstance(error, EchocastError):
            raise
        log.error("Job %s can't be scored: %s", job.id, error)
        problem = JobError("verification", str(error))
        return context.jobs.record_verification(job, claim, job.verification, problem)
    outcome = context.jobs.record_verification(job, claim, scores, problem)
    if outcome == "recorded":
        context.metrics.on_scores(scores, job.verification)
    return outcome
