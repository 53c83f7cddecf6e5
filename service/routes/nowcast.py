"""Submit, look at and cancel nowcasts."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from service.dependencies import (
    Accepting,
    AppDesk,
    Options,
    Reader,
    SentUpload,
    Submitter,
    Wait,
)
from service.examples import NOWCAST_BODY
from service.prefer import applied
from service.refusals import refusals
from service.schemas import JobAccepted, JobView
from service.views import accepted_view, job_view

router = APIRouter(tags=["nowcast"])


@router.post(
    "/nowcast",
    status_code=202,
    response_model=JobAccepted,
    responses={
        200: {"model": JobView, "description": "Finished within the preferred wait."},
        **refusals(400, 401, 403, 408, 413, 415, 422, 429, 503, 507),
    },
    openapi_extra=NOWCAST_BODY,
    dependencies=Accepting,
)
async def submit_nowcast(
    desk: AppDesk, wait: Wait, options: Options, _: Submitter, upload: SentUpload
) -> JSONResponse:
    """Forecast the ten frames after the newest ten that were sent."""
    job = (await desk.submit(upload, options)).job
    if wait is not None:
        job = await desk.wait(job.id, wait)
    finished = wait is not None and job.terminal and not job.awaits_verification
    view = job_view(job) if finished else accepted_view(job)
    return JSONResponse(
        view.model_dump(mode="json", exclude_none=finished),
        200 if finished else 202,
        {"Location": view.links.self, **applied(wait)},
    )


@router.get("/nowcast/{job_id}", dependencies=[Reader], responses=refusals(401, 404, 503))
async def show_nowcast(job_id: str, desk: AppDesk) -> JobView:
    """One nowcast as it stands."""
    return job_view(await desk.job(job_id))


@router.delete("/nowcast/{job_id}", responses=refusals(401, 403, 404, 503))
async def cancel_nowcast(job_id: str, desk: AppDesk, _: Submitter) -> JobView:
    """Let go of a nowcast; it is cancelled unless another request holds it or it has ended."""
    return job_view(await desk.release(job_id))
