"""The one log line of a job's end, whoever ended it: what, for whom, why, how long."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from echocast.workers.jobs.job import Job

log = logging.getLogger("echocast.nowcast")


def log_end(
    job: Job, status: str, timings: Mapping[str, float], error: Mapping[str, str] | None
) -> None:
    """Log that a job ended.

    Args:
        job: As it was while it ran.
        status: How it ended.
        timings: Seconds by phase; ``total`` is there.
        error: Type and message, where it failed.
    """
    facts = {
        "job": job.id,
        "stream": job.stream,
        "request_id": job.request_id,
        "who": job.account,
        "status": status,
        "error": error,
        "attempts": job.attempts,
        "timings": timings,
    }
    log.info(
        "Job %s %s%s (%s, request %s, %.3f s, attempt %d)",
        job.id,
        status,
        f": {error['type']}, {error['message']}" if error else "",
        f"stream {job.stream}" if job.stream else f"for {job.account or 'unknown'}",
        job.request_id or "none",
        timings["total"],
        job.attempts,
        extra={"facts": facts},
    )


def log_stored_end(job: Job) -> None:
    """Log that a job ended outside of a worker, as the engine has it now."""
    seconds = (job.finished - job.created).total_seconds() if job.finished else 0.0
    log_end(job, job.status, {"total": seconds}, job.error.__dict__ if job.error else None)
