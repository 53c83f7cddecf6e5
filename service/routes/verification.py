"""Observations in, scores out."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from echocast.service.access import Reader, Submitter, count_submission
from echocast.service.dependencies import Options, SentUpload, Wait
from echocast.service.http.openapi_examples import OBSERVATIONS_BODY
from echocast.service.http.openapi_problems import refusals
from echocast.service.http.prefer import applied
from echocast.service.http.schemas import (
    ObservationsAccepted,
    ObservationScores,
    VerificationScores,
)
from echocast.service.nowcasts.nowcasts import check_scored, finished
from echocast.service.nowcasts.views import observations_view, observed_view, verification_view
from echocast.service.resources import AppNowcasts, AppResources

router = APIRouter(tags=["verification"])


@router.post(
    "/nowcast/{job_id}/observations",
    response_model=ObservationScores,
    responses={
        202: {"model": ObservationsAccepted, "description": "Accepted, but not scored yet."},
        **refusals(401, 403, 404, 409, 410, 415, 429),
    },
    openapi_extra=OBSERVATIONS_BODY,
    dependencies=[Depends(count_submission)],
)
async def add_observations(
    job_id: str,
    resources: AppResources,
    wait: Wait,
    options: Options,
    _: Submitter,
    upload: SentUpload,
) -> JSONResponse:
    """Score the forecast against later frames; answers when done, within ``Prefer: wait=N``."""
    ignored = await resources.nowcasts.observe(job_id, upload, options)
    patience = resources.settings.wait_limit_seconds if wait is None else wait
    job = await resources.nowcasts.wait(job_id, patience)
    check_scored(job)
    scored = finished(job)
    view = observed_view(job, ignored) if scored else observations_view(job, ignored)
    return JSONResponse(view.model_dump(mode="json"), 200 if scored else 202, applied(wait))


@router.get(
    "/nowcast/{job_id}/verification",
    dependencies=[Reader],
    responses=refusals(401, 404, 409),
)
async def show_verification(job_id: str, nowcasts: AppNowcasts) -> VerificationScores:
    """Scores so far; zero counts and null scores where there are no observations."""
    return verification_view(await nowcasts.job(job_id))
