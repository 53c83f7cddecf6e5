"""Forecasts in the caller's format."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from service.dependencies import AppResources, Reader
from service.formats import FORMATS, wanted_format
from service.refusals import refusals
from service.schemas import ForecastFrames

router = APIRouter(tags=["forecast"])
BINARY = {"schema": {"type": "string", "format": "binary"}}
CONTENT = {format.media_type: BINARY for format in FORMATS.values() if format.name != "json"}


@router.get(
    "/nowcast/{job_id}/forecast",
    dependencies=[Reader],
    response_class=Response,
    responses={
        200: {"model": ForecastFrames, "description": "The forecast.", "content": CONTENT},
        304: {"description": "Not changed since the ETag in If-None-Match."},
        **refusals(401, 404, 406, 409, 410, 422, 503),
    },
)
async def show_forecast(
    job_id: str,
    resources: AppResources,
    format_name: Annotated[
        str | None, Query(alias="format", description=f"One of {', '.join(FORMATS)}.")
    ] = None,
    accept: Annotated[str | None, Header()] = None,
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """Ten frames in dBZ, as NetCDF unless something else is asked for."""
    wanted = wanted_format(format_name, accept)
    job = await resources.desk.job(job_id)
    return await resources.gallery.show(job, wanted, if_none_match)
