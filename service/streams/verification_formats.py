"""Scores in the caller's format: JSON, CSV or a picture."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from echocast.service.errors import NotAcceptable, UnknownFormat
from echocast.service.streams.scores import as_csv
from echocast.service.streams.streams import Streams
from echocast.service.streams.verification_schemas import StreamVerification

MEDIA_TYPES = {"json": "application/json", "csv": "text/csv", "png": "image/png"}


def requested_format(name: str | None, accept: str | None) -> str:
    """``json``, ``csv`` or ``png``: what ``?format=`` names, else the first that ``Accept`` allows.

    Raises:
        UnknownFormat: ``name`` is none of them.
        NotAcceptable: ``accept`` allows none of them.
    """
    if name is not None:
        if name not in MEDIA_TYPES:
            raise UnknownFormat(f"Scores come as json, csv or png, not as {name[:40]!r}.")
        return name
    asked = [part.partition(";")[0].strip().lower() for part in (accept or "*/*").split(",")]
    for pattern in asked:
        for format_name, media_type in MEDIA_TYPES.items():
            if pattern in (media_type, "*/*", f"{media_type.partition('/')[0]}/*"):
                return format_name
    raise NotAcceptable(f"Scores come as one of {', '.join(MEDIA_TYPES.values())}.")


async def in_format(view: StreamVerification, name: str, streams: Streams) -> Response:
    """The answer in a format."""
    headers = {"Vary": "Accept"}
    if name == "csv":
        return Response(as_csv(view), headers=headers, media_type="text/csv")
    if name == "png":
        picture = await streams.skill_picture(view)
        return Response(picture, headers=headers, media_type="image/png")
    return JSONResponse(view.model_dump(mode="json"), headers=headers)
