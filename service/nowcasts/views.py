"""Jobs as callers see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from echocast.model.verification.counts import (
    FORECAST_METHODS,
    FORECAST_THRESHOLDS_DBZ,
    ContingencyCounts,
)
from echocast.model.verification.forecast_scores import Verification
from echocast.service.errors import ForecastNotReady
from echocast.service.http.schemas import (
    Failure,
    JobAccepted,
    JobView,
    Links,
    ModelName,
    ObservationsAccepted,
    ObservationScores,
    VerificationScores,
)
from echocast.workers.jobs.job import Job, JobError


def links(job_id: str) -> Links:
    """Where everything about a job is found."""
    path = f"/nowcast/{job_id}"
    return Links(
        self=path,
        forecast=f"{path}/forecast",
        verification=f"{path}/verification",
        observations=f"{path}/observations",
    )


def accepted_view(job: Job) -> JobAccepted:
    """The short answer."""
    return JobAccepted(id=job.id, status=_status(job), links=links(job.id))


def job_view(job: Job) -> JobView:
    """The full answer."""
    scores = job.verification
    return JobView(
        id=job.id,
        status=_status(job),
        forecast_reference_time=job.forecast_reference_time,
        valid_times=list(job.valid_times),
        lead_minutes=list(job.lead_minutes),
        lead_sources=list(job.lead_sources),
        model=ModelName(**asdict(job.model)),
        quality=dict(job.quality),
        timings=dict(job.timings),
        attempts=job.attempts,
        created=job.created,
        started=job.started,
        finished=job.finished,
        error=_failure(job.error),
        verification=None if scores is None else VerificationScores.model_validate(scores),
        verification_error=_failure(job.verification_error),
        links=links(job.id),
    )


def job_body(job: Job) -> dict[str, Any]:
    """The full answer as JSON; what there is not (yet) is left out."""
    body = job_view(job).model_dump(mode="json")
    return {name: value for name, value in body.items() if value is not None}


def verification_view(job: Job) -> VerificationScores:
    """The scores of a job, all zero counts where nothing was observed.

    Raises:
        ForecastNotReady: The job ended without a forecast, or its leads are not known yet.
    """
    if job.verification is not None:
        return VerificationScores.model_validate(job.verification)
    if not job.lead_minutes:
        forecast_path(job)
    return VerificationScores.model_validate(no_scores(job.lead_minutes))


def observed_view(job: Job, ignored: list[datetime]) -> ObservationScores:
    """The scores of a job, and which of the new observations have no part in them."""
    return ObservationScores(**dict(verification_view(job)), ignored_times=ignored)


def observations_view(job: Job, ignored: list[datetime]) -> ObservationsAccepted:
    """The short answer to observations that are not scored yet."""
    return ObservationsAccepted(**dict(accepted_view(job)), ignored_times=ignored)


def no_scores(lead_minutes: Sequence[float]) -> dict[str, Any]:
    """The verification of a forecast that nothing was observed of."""
    layout = FORECAST_METHODS, FORECAST_THRESHOLDS_DBZ, lead_minutes
    nothing = ContingencyCounts.of_named({}, *layout)
    return Verification(nothing, (0,) * len(lead_minutes)).to_json()


def forecast_path(job: Job) -> str:
    """Where the archive has the forecast of a job.

    Raises:
        ForecastNotReady: The job has not succeeded (yet); the message says why.
    """
    if job.status == "succeeded" and job.forecast_path is not None:
        return job.forecast_path
    reason = f": {job.error.message}" if job.error else "."
    if not job.terminal:
        reason = "; ask again later, or wait with 'Prefer: wait=N' when submitting."
    raise ForecastNotReady(f"The nowcast is {job.status}{reason}")


def _status(job: Job) -> Any:
    return job.status


def _failure(error: JobError | None) -> Failure | None:
    return None if error is None else Failure(type=error.type, message=error.message)
