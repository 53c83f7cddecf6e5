"""What a request states: its body, how that is read, and how long it waits for the answer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request
from pydantic import AwareDatetime, BeforeValidator

from echocast.model.errors import InputError, short
from echocast.model.formats.reading_words import MEANINGS, given_words
from echocast.model.horizon import LEADS, MOST_LEADS
from echocast.service.access import Submitter
from echocast.service.auth.account import current_account
from echocast.service.decoding.receive import receive_upload
from echocast.service.decoding.uploads import Upload
from echocast.service.errors import MalformedBody
from echocast.service.http.json_body import Body, receive_json
from echocast.service.http.media_types import media_type
from echocast.service.http.prefer import wait_seconds
from echocast.service.nowcasts.nowcasts import UploadOptions
from echocast.service.resources import AppResources, resources_of
from echocast.service.settings import ServiceSettings

PLAIN_NUMBER = re.compile(r"\s*[+-]?[\d._]+([eE][+-]?\d+)?\s*")
PLUS_READ_AS_SPACE = re.compile(r"(?<=\d) (\d\d:?\d\d)$")


async def get_wait(
    request: Request,
    prefer: Annotated[
        str | None, Header(description="`wait=N`: answer when finished, at most N seconds later.")
    ] = None,
) -> float | None:
    """Seconds the caller prefers to wait, within our limit."""
    return wait_seconds(prefer, resources_of(request).settings.wait_limit_seconds)


def restore_plus(value: Any) -> Any:
    """``+00:00`` arrives as `` 00:00`` where a caller did not escape the plus sign.

    Raises:
        ValueError: It is a plain number, which would be read as seconds since 1970.
    """
    if isinstance(value, str) and PLAIN_NUMBER.fullmatch(value):
        raise ValueError(f"Times are ISO 8601, such as 2026-07-01T12:00:00Z, not {short(value)!r}")
    if isinstance(value, str) and "T" in value:
        return PLUS_READ_AS_SPACE.sub(r"+\1", value)
    return value


ReferenceTime = Annotated[AwareDatetime | None, BeforeValidator(restore_plus)]


async def get_reading(
    variable: Annotated[str | None, Query(max_length=200, description=MEANINGS["variable"])] = None,
    units: Annotated[str | None, Query(max_length=60, description=MEANINGS["units"])] = None,
    gain: Annotated[float | None, Query(description=MEANINGS["gain"])] = None,
    offset: Annotated[float | None, Query(description=MEANINGS["offset"])] = None,
    nodata: Annotated[float | None, Query(description=MEANINGS["nodata"])] = None,
    undetect: Annotated[float | None, Query(description=MEANINGS["undetect"])] = None,
    at: Annotated[str | None, Query(max_length=60, description=MEANINGS["at"])] = None,
    radius_km: Annotated[float | None, Query(description=MEANINGS["radius_km"])] = None,
    bbox: Annotated[str | None, Query(max_length=120, description=MEANINGS["bbox"])] = None,
    reduce: Annotated[int, Query(ge=1, le=16, description=MEANINGS["reduce"])] = 1,
) -> dict[str, Any]:
    """How files of the upload are read, in the words of :meth:`.Reading.of_words`."""
    return given_words(
        variable=variable,
        units=units,
        gain=gain,
        offset=offset,
        nodata=nodata,
        undetect=undetect,
        at=at,
        radius_km=radius_km,
        bbox=bbox,
        reduce=reduce,
    )


ReadingWords = Annotated[dict[str, Any], Depends(get_reading)]


async def get_options(
    reading: ReadingWords,
    reference_time: Annotated[
        ReferenceTime,
        Query(description="The newest frame at or before it ends the input; later ones verify."),
    ] = None,
    leads: Annotated[
        int | None,
        Query(
            ge=1,
            le=MOST_LEADS,
            description=f"{LEADS} Left out: as many as the network makes.",
        ),
    ] = None,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description="Same key, same job.")
    ] = None,
) -> UploadOptions:
    """What query and headers say about the upload."""
    return UploadOptions(reading, reference_time, idempotency_key, leads)


async def get_upload(request: Request, _: Submitter) -> AsyncIterator[Upload]:
    """The body, as files that are gone when the request is answered; refusals may be delayed."""
    media_type(request.headers.get("content-type"))
    resources, account = resources_of(request), current_account.get().name
    try:
        with resources.scratch.directory() as directory:
            with resources.uploads.counted(account):
                upload = await receive(request, directory, resources.settings)
            yield upload
    except (InputError, MalformedBody):
        await resources.refusals.pause(account)
        raise


async def receive(request: Request, directory: Path, settings: ServiceSettings) -> Upload:
    """The body, as files in a directory."""
    return await receive_upload(
        request.stream(),
        request.headers.get("content-type"),
        request.headers.get("content-disposition"),
        directory,
        seconds=settings.upload_timeout_seconds,
        files_limit=settings.upload_files_limit,
    )


def sent(model: type[Body]) -> Callable[..., Awaitable[Body]]:
    """A dependency that reads a JSON body; it stands behind the one that checks the key."""

    async def read(request: Request, resources: AppResources) -> Body:
        return await receive_json(
            request.stream(),
            request.headers.get("content-type"),
            model,
            resources.settings.upload_timeout_seconds,
        )

    return read


Wait = Annotated[float | None, Depends(get_wait)]


async def require_worker(request: Request, wait: Wait) -> float | None:
    """Refuse a nowcast that no worker would start; what is left of the wait for one."""
    waited = await resources_of(request).nowcasts.presence.require(wait or 0.0)
    return None if wait is None else max(0.0, wait - waited)


WaitLeft = Annotated[float | None, Depends(require_worker)]
Options = Annotated[UploadOptions, Depends(get_options)]
SentUpload = Annotated[Upload, Depends(get_upload)]
