"""Submit, look at and cancel nowcasts."""

from __future__ import annotations

from contextlib import suppress

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from echocast.service.access import Audit, Caller, Reader, count_submission
from echocast.service.dependencies import Options, SentUpload, Wait, WaitLeft
from echocast.service.http.openapi_examples import NOWCAST_BODY
from echocast.service.http.openapi_problems import refusals
from echocast.service.http.prefer import applied
from echocast.service.http.schemas import JobAccepted, JobView
from echocast.service.nowcasts.nowcasts import finished
from echocast.service.nowcasts.views import accepted_view, job_body, links
from echocast.service.resources import AppNowcasts
from echocast.workers.errors import EngineUnavailable

router = APIRouter(tags=["nowcast"])


@router.post(
    "/nowcast",
    status_code=202,
    response_model=JobAccepted,
    responses={
        200: {"model": JobView, "description": "Finished within the preferred wait."},
        **refusals(401, 403, 415, 429),
    },
    openapi_extra=NOWCAST_BODY,
    dependencies=[Depends(count_submission)],
)
async def submit_nowcast(
    nowcasts: AppNowcasts,
    wait: Wait,
    wait_left: WaitLeft,
    options: Options,
    caller: Caller,
    upload: SentUpload,
) -> JSONResponse:
    """Forecast the ten frames after the newest ten that were sent.

    With `Prefer: wait=N` a service that starts is waited for, too.
    """
    job = (await nowcasts.submit(upload, options, caller)).job
    if wait_left is not None:
        with suppress(EngineUnavailable):  # the job is accepted, and its id must not be lost
            job = await nowcasts.wait(job.id, wait_left)
    done = wait is not None and finished(job)
    body = job_body(job) if done else accepted_view(job).model_dump(mode="json")
    headers = {"Location": links(job.id).self, **applied(wait)}
    return JSONResponse(body, 200 if done else 202, headers)


@router.get(
    "/nowcast/{job_id}",
    response_model=JobView,
    dependencies=[Reader],
    responses=refusals(401, 404),
)
async def show_nowcast(job_id: str, nowcasts: AppNowcasts) -> JSONResponse:
    """One nowcast as it stands."""
    return JSONResponse(job_body(await nowcasts.job(job_id)))


@router.delete("/nowcast/{job_id}", response_model=JobView, responses=refusals(401, 403, 404))
async def cancel_nowcast(
    job_id: str, nowcasts: AppNowcasts, caller: Caller, audit: Audit
) -> JSONResponse:
    """Cancel a nowcast, unless another request needs it too or it has ended. A key of scope admin
    cancels it in any case."""
    job = await nowcasts.release(job_id, caller)
    await audit.note("cancel-nowcast", nowcast=job.id, status=job.status)
    return JSONResponse(job_body(job))
