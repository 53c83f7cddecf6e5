"""Streams: declare them, send frames, get forecasts and their scores."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BeforeValidator, Field
from starlette.responses import JSONResponse, Response

from echocast.model.verification.counts import METHODS
from echocast.service.access import Audit, Reader, Submitter, count_submission, require_owner
from echocast.service.dependencies import ReadingWords, SentUpload, restore_plus, sent
from echocast.service.fetching.source_state import SourceState
from echocast.service.http.json_body import described
from echocast.service.http.negotiation import Accept, KnownEtag, RequestedFormat, forecast_answers
from echocast.service.http.openapi_examples import FRAME_BODY
from echocast.service.http.openapi_problems import refusals
from echocast.service.resources import AppResources
from echocast.service.streams.declaration import StreamChange, StreamDeclaration
from echocast.service.streams.drift import StreamDrift
from echocast.service.streams.schemas import (
    FrameView,
    NowcastList,
    PointForecast,
    StreamList,
    StreamView,
)
from echocast.service.streams.streams import Streams
from echocast.service.streams.verification_formats import MEDIA_TYPES, in_format, requested_format
from echocast.service.streams.verification_schemas import StreamVerification

router = APIRouter(tags=["streams"])


async def get_streams(resources: AppResources) -> Streams:
    """The streams of this app."""
    return resources.streams


Declaration = Annotated[StreamDeclaration, Depends(sent(StreamDeclaration))]
Source = Annotated[SourceState, Depends(sent(SourceState))]
Change = Annotated[StreamChange, Depends(sent(StreamChange))]
AppStreams = Annotated[Streams, Depends(get_streams)]
Time = Annotated[
    AwareDatetime,
    BeforeValidator(restore_plus),
    Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC)),
]
Method = Annotated[str, Field(json_schema_extra={"enum": [*METHODS]})]
From = Annotated[Time | None, Query(alias="from", description="Earliest time, ISO 8601.")]
Until = Annotated[Time | None, Query(alias="to", description="Latest time, ISO 8601.")]


@router.put(
    "/streams/{name}",
    response_model=StreamView,
    responses={201: {"model": StreamView}, **refusals(401, 403, 409, 415)},
    openapi_extra=described(StreamDeclaration),
)
async def declare_stream(
    name: str, streams: AppStreams, _: Submitter, body: Declaration, audit: Audit
) -> JSONResponse:
    """Declare a stream; retention and nowcasting may change later, the rest may not."""
    view, new = await streams.declare(name, body)
    declared = body.model_dump(mode="json", exclude_unset=True)
    await audit.note("declare-stream", stream=name, new=new, declared=declared)
    return JSONResponse(view.model_dump(mode="json"), 201 if new else 200)


@router.get("/streams", dependencies=[Reader], responses=refusals(401))
async def list_streams(streams: AppStreams) -> StreamList:
    """All streams that the key may use."""
    return await streams.everything()


@router.get("/streams/{name}", dependencies=[Reader], responses=refusals(401, 404))
async def show_stream(name: str, streams: AppStreams) -> StreamView:
    """The state of one stream."""
    return await streams.view(name)


@router.patch(
    "/streams/{name}",
    responses=refusals(401, 403, 404, 415),
    openapi_extra=described(StreamChange),
)
async def change_stream(
    name: str, streams: AppStreams, _: Submitter, body: Change, audit: Audit
) -> StreamView:
    """Pause a stream or resume it, or change how many lead times its forecasts have. A stream that
    is paused refuses frames, and no alert is about it; what it has accepted is forecast, scored and
    served on.
    """
    view = await streams.change(name, body)
    await audit.note("change-stream", stream=name, **body.stated)
    return view


@router.put(
    "/streams/{name}/fetching",
    status_code=204,
    response_class=Response,
    responses=refusals(401, 403, 404, 415),
    openapi_extra=described(SourceState),
)
async def report_source(name: str, streams: AppStreams, _: Submitter, body: Source) -> None:
    """Report the state of the source of a stream's frames, as `echocast fetch` does at each look.
    The state of the stream and the metrics show it.
    """
    await streams.note_source(name, body)


@router.delete(
    "/streams/{name}",
    status_code=204,
    response_class=Response,
    dependencies=[Depends(require_owner)],
    responses=refusals(401, 403, 404, 409),
)
async def delete_stream(
    name: str, resources: AppResources, streams: AppStreams, audit: Audit
) -> None:
    """Delete a stream with its frames, forecasts, scores and metrics. A key of scope admin may do
    that, or one of scope submit that is bound to the stream. Nowcasts of it that wait or run are
    cancelled. A stream that is declared under its name afterwards begins anew.
    """
    resources.warm_tiles.forget(name)
    await streams.delete(name)
    await audit.note("delete-stream", stream=name)


@router.put(
    "/streams/{name}/frames/{time}",
    response_model=FrameView,
    responses={
        201: {"model": FrameView, "description": "A new frame."},
        **refusals(401, 403, 404, 409, 415, 429),
    },
    openapi_extra=FRAME_BODY,
    dependencies=[Depends(count_submission)],
)
async def put_frame(
    name: str,
    time: Time,
    streams: AppStreams,
    _: Submitter,
    upload: SentUpload,
    reading: ReadingWords,
    replace: Annotated[bool, Query(description="Replace another frame of that time.")] = False,
) -> JSONResponse:
    """Send one frame: a forecast is made from it, and earlier forecasts for its time are scored."""
    stream = await streams.stream(name)
    view = await streams.intake.take(stream, time.astimezone(UTC), upload, reading, replace=replace)
    return JSONResponse(view.model_dump(mode="json"), 201 if view.outcome == "created" else 200)


@router.get(
    "/streams/{name}/latest",
    dependencies=[Reader],
    response_class=Response,
    responses=forecast_answers(401, 404, 406, 410, 429),
)
async def show_latest(
    name: str,
    streams: AppStreams,
    form: RequestedFormat,
    if_none_match: KnownEtag = "",
) -> Response:
    """The newest forecast, fresh until the next frame is due."""
    return await streams.latest.serve(name, form, if_none_match)


@router.get("/streams/{name}/point", dependencies=[Reader], responses=refusals(401, 404, 410, 429))
async def show_point(
    name: str,
    streams: AppStreams,
    latitude: Annotated[float, Query(alias="lat", ge=-90, le=90)],
    longitude: Annotated[float, Query(alias="lon", ge=-180, le=360)],
) -> PointForecast:
    """The newest forecast at one place."""
    return await streams.places.point(name, latitude, longitude)


@router.get("/streams/{name}/nowcasts", dependencies=[Reader], responses=refusals(401, 404))
async def list_nowcasts(
    name: str, streams: AppStreams, first: From = None, last: Until = None
) -> NowcastList:
    """Forecasts by reference time; without bounds, those of the newest day."""
    return await streams.nowcasts(name, first, last)


@router.get(
    "/streams/{name}/verification",
    dependencies=[Reader],
    response_model=StreamVerification,
    responses={
        200: {"content": {"text/csv": {}, "image/png": {}}},
        **refusals(401, 404, 406, 429),
    },
)
async def show_verification(
    name: str,
    streams: AppStreams,
    first: From = None,
    last: Until = None,
    method: Annotated[list[Method] | None, Query(description="Only these methods.")] = None,
    format_name: Annotated[
        str | None,
        Query(
            alias="format",
            description="The format of the scores.",
            json_schema_extra={"enum": [*MEDIA_TYPES]},
        ),
    ] = None,
    accept: Accept = None,
) -> Response:
    """How good the forecasts were, by whole hours of valid time; without bounds, the newest day.

    More than a week before the newest frame, whole blocks of six hours.
    """
    form = requested_format(format_name, accept)
    view = await streams.verification(name, first, last, method or ())
    return await in_format(view, form, streams)


@router.get("/streams/{name}/drift", dependencies=[Reader], responses=refusals(401, 404))
async def show_drift(name: str, streams: AppStreams) -> StreamDrift:
    """Whether the model got worse, the radar or season changed, or only the weather is hard."""
    return await streams.drift(name)
