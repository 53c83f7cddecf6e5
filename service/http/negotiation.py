"""Parameters and answers that all routes with a forecast share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Header, Query

from echocast.service.http.formats import (
    FORMATS,
    OTHER_NAMES,
    PRODUCTS,
    Format,
    requested_format,
)
from echocast.service.http.openapi_problems import refusals
from echocast.service.http.schemas import ForecastFrames

BINARY = {"schema": {"type": "string", "format": "binary"}}
CONTENT = {format.media_type: BINARY for format in FORMATS.values() if format.name != "json"}

Accept = Annotated[str | None, Header()]
KnownEtag = Annotated[str, Header(description="ETag of what the caller has.")]


async def get_format(
    format_name: Annotated[
        str | None,
        Query(
            alias="format",
            description="The format of the forecast.",
            json_schema_extra={"enum": [*FORMATS, *OTHER_NAMES]},
        ),
    ] = None,
    accept: Accept = None,
    accept_encoding: Accept = None,
    product: Annotated[
        str | None,
        Query(
            description="What json, npz, geotiff, png and webp show: expected (least squared error)"
            " or sharp (intensities of the newest frame, to look at); by default where to warn.",
            json_schema_extra={"enum": [*PRODUCTS]},
        ),
    ] = None,
) -> Format:
    """The format that the caller asks for."""
    return requested_format(format_name, accept, product, accept_encoding)


RequestedFormat = Annotated[Format, Depends(get_format)]


def forecast_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` entry of a route that hands out a forecast, or refuses by these."""
    return {
        200: {"model": ForecastFrames, "description": "The forecast.", "content": CONTENT},
        304: {"description": "Not changed since the ETag in If-None-Match."},
        **refusals(*statuses),
    }
