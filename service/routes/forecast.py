"""Forecasts in the caller's format."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from echocast.service.access import Reader
from echocast.service.http.negotiation import KnownEtag, RequestedFormat, forecast_answers
from echocast.service.resources import AppResources

router = APIRouter(tags=["forecast"])


@router.get(
    "/nowcast/{job_id}/forecast",
    dependencies=[Reader],
    response_class=Response,
    responses=forecast_answers(401, 404, 406, 409, 410, 429),
)
async def show_forecast(
    job_id: str,
    resources: AppResources,
    form: RequestedFormat,
    if_none_match: KnownEtag = "",
) -> Response:
    """The forecast frames in dBZ, as NetCDF unless another format is requested."""
    job = await resources.nowcasts.job(job_id)
    return await resources.forecast_files.serve(job, form, if_none_match)
