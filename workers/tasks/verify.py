"""The verify task: score a finished forecast against observations that came late."""

from __future__ import annotations

import logging

from echocast.model.errors import EchocastError
from echocast.workers.errors import EngineUnavailable
from echocast.workers.jobs.job import Job, JobError
from echocast.workers.tasks.nowcast import Workshop
from echocast.workers.tasks.scoring import score

log = logging.getLogger("echocast.verify")


def verify_late(shop: Workshop, job_id: str) -> None:
    """Score until no further observations came meanwhile; one scorer per job at a time."""
    claim = shop.held.new_claim()
    with shop.places.take(1):
        job: Job | str | None = shop.jobs.begin_verification(job_id, claim)
        while isinstance(job, Job):
            job = _score_once(shop, job, claim)


def _score_once(shop: Workshop, job: Job, claim: str) -> Job | str | None:
    """The job with the observations that came meanwhile; no job where all are scored."""
    if job.forecast_path is None:
        return None
    try:
        scores, problem = score(shop.archive, job, job.forecast_path)
    except EngineUnavailable:
        raise
    except EchocastError as error:
        log.error("Job %s can't be scored: %s", job.id, error)
        problem = JobError("verification", str(error))
        return shop.jobs.record_verification(job, claim, job.verification, problem)
    outcome = shop.jobs.record_verification(job, claim, scores, problem)
    if outcome == "recorded":
        shop.metrics.on_scores(scores, job.verification)
    return outcome
