"""Dependencies of the routes: made once per app, so that tests patch nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BeforeValidator

from echocast.model.errors import InputError, short
from echocast.model.formats.reading_words import MEANINGS, given_words
from echocast.service.auth.account import Account, current_account
from echocast.service.auth.audit import AuditLog, RequestAudit
from echocast.service.auth.key_ring import KeyRing
from echocast.service.auth.keys import Key
from echocast.service.auth.rate_limit import ConcurrencyLimit, RateLimit
from echocast.service.auth.refusal_pause import RefusalPause
from echocast.service.decoding.receive import receive_upload
from echocast.service.decoding.uploads import Upload
from echocast.service.errors import MalformedBody, MissingScope
from echocast.service.http.json_body import Body, receive_json
from echocast.service.http.media_types import media_type
from echocast.service.http.prefer import wait_seconds
from echocast.service.imagery.stream_maps import StreamMaps
from echocast.service.imagery.warm_tiles import WarmTiles
from echocast.service.metrics.exposition import StreamExposition
from echocast.service.metrics.http import GatewayMetrics
from echocast.service.nowcasts.forecast_files import ForecastFiles
from echocast.service.nowcasts.nowcasts import Nowcasts, UploadOptions
from echocast.service.settings import ServiceSettings
from echocast.service.streams.streams import Streams
from echocast.workers.archive.scratch import Scratch
from echocast.workers.errors import UnknownStream

PLAIN_NUMBER = re.compile(r"\s*[+-]?[\d._]+([eE][+-]?\d+)?\s*")
PLUS_READ_AS_SPACE = re.compile(r"(?<=\d) (\d\d:?\d\d)$")
ONE_STREAM = "/streams/{name}"
HOW_TO_SEND = (
    "An API key, where the service has any: `Authorization: Bearer KEY` or `X-API-Key: KEY`."
)
bearer = HTTPBearer(auto_error=False, description=HOW_TO_SEND)
header_key = APIKeyHeader(name="X-API-Key", auto_error=False, description=HOW_TO_SEND)


@dataclass(frozen=True)
class Resources:
    """Everything that one app owns."""

    settings: ServiceSettings
    keys: KeyRing
    submissions: RateLimit
    uploads: ConcurrencyLimit
    refusals: RefusalPause
    metrics: GatewayMetrics
    scratch: Scratch
    nowcasts: Nowcasts
    forecast_files: ForecastFiles
    streams: Streams
    maps: StreamMaps
    warm_tiles: WarmTiles
    exposition: StreamExposition
    audit: AuditLog


def resources_of(request: Request) -> Resources:
    """What the app of this request owns.

    Dependencies call it: those that depend on others cost more, as FastAPI solves the whole tree
    for each that names them.
    """
    resources: Resources = request.app.state.resources
    return resources


async def get_resources(request: Request) -> Resources:
    """The same for routes; not in a thread, which would cost more than it does."""
    return resources_of(request)


AppResources = Annotated[Resources, Depends(get_resources)]


@dataclass(frozen=True)
class MapAccess:
    """Who looks at a map.

    Args:
        stream: Which stream's.
        is_public: Whether everybody may.
        for_all_sites: Whether pages of other sites may read the answer: it was for everybody, or
            somebody sent a key, which browsers never do by themselves.
    """

    stream: str
    is_public: bool
    for_all_sites: bool


def address_of(request: Request) -> str:
    """The address of the client, or of the proxy before us."""
    return request.client.host if request.client else "unknown"


def require(scope: str) -> Callable[..., Awaitable[Key | None]]:
    """A dependency that lets only keys with ``scope`` pass, and says who pays."""

    async def check(
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
        key: Annotated[str | None, Depends(header_key)],
    ) -> Key | None:
        sent = credentials.credentials if credentials else key
        known = resources_of(request).keys.check(sent, scope)
        admit(request, known)
        return known

    return check


def admit(request: Request, key: Key | None) -> None:
    """Note who asks, and refuse a stream that the key is not bound to.

    Raises:
        UnknownStream: The caller wanted to read.
        MissingScope: The caller wanted to change something.
    """
    current_account.set(Account.of(key, address_of(request)))
    check_stream(request, key)


def check_stream(request: Request, key: Key | None) -> None:
    """Refuse a stream that the key is not bound to; readers do not learn whether it exists.

    Raises:
        UnknownStream: The caller wanted to read.
        MissingScope: The caller wanted to change something.
    """
    if key is None or not request.scope["route"].path.startswith(ONE_STREAM):
        return
    name = request.path_params["name"]
    if key.may_use(name):
        return
    if request.method == "GET":
        raise UnknownStream(f"There is no stream named {short(name)!r}.")
    raise MissingScope(f"The key may use only the streams {', '.join(sorted(key.streams or ()))}.")


async def require_map_reader(
    request: Request,
    resources: AppResources,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    key: Annotated[str | None, Depends(header_key)],
    in_query: Annotated[
        str | None,
        Query(alias="key", max_length=200, description="The API key, where no header can be sent."),
    ] = None,
) -> MapAccess:
    """Let those pass who may look at maps; a program that shows tiles can send no header.

    Raises:
        MissingKey: The service has keys, its maps are not public, and none of them was sent.
        UnknownStream: The key may not use the stream.
    """
    secret = credentials.credentials if credentials else key or in_query
    public = resources.settings.maps_public
    known = None if public else resources.keys.check(secret, "read")
    admit(request, known)
    name = request.path_params.get("name") or await map_stream(resources)
    if known is not None and not known.may_use(name):
        raise UnknownStream("There is no stream here that the key may use.")
    return MapAccess(name, is_public=public, for_all_sites=public or known is not None)


async def map_stream(resources: Resources) -> str:
    """The stream of tiles whose path names none."""
    named = resources.settings.tiles_stream
    return named or await asyncio.to_thread(resources.maps.only_stream)


MapReader = Annotated[MapAccess, Depends(require_map_reader)]
Reader = Depends(require("read"))
Submitter = Annotated[Key | None, Depends(require("submit"))]


async def require_owner(key: Submitter) -> None:
    """Refuse a key that is neither an admin's nor bound to the stream.

    Raises:
        MissingScope: It may use all streams, without being an admin's.
    """
    if key is not None and key.streams is None and not key.covers("admin"):
        raise MissingScope(
            "To delete a stream a key needs the scope 'admin', or must be bound to the stream"
            f" (streams=NAME); this one has the scope '{key.scope}' and is bound to none."
        )


async def get_caller(key: Submitter) -> str:
    """Who asks, by the name of the key; empty where there are no keys."""
    return key.name if key else ""


Caller = Annotated[str, Depends(get_caller)]


async def get_audit(request: Request, resources: AppResources) -> RequestAudit:
    """Where to note what this request changes."""
    return RequestAudit(resources.audit, address_of(request))


Audit = Annotated[RequestAudit, Depends(get_audit)]


async def count_submission(request: Request, _: Submitter) -> None:
    """Let a caller submit only so often."""
    resources_of(request).submissions.take(current_account.get().name)


async def get_nowcasts(request: Request) -> Nowcasts:
    """The nowcasts of this app."""
    return resources_of(request).nowcasts


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
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description="Same key, same job.")
    ] = None,
) -> UploadOptions:
    """What query and headers say about the upload."""
    return UploadOptions(reading, reference_time, idempotency_key)


async def get_upload(request: Request, _: Submitter) -> AsyncIterator[Upload]:
    """The body, as files that are gone when the request is answered; refusals may be late."""
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


AppNowcasts = Annotated[Nowcasts, Depends(get_nowcasts)]
Wait = Annotated[float | None, Depends(get_wait)]


async def require_worker(request: Request, wait: Wait) -> float | None:
    """Refuse a nowcast that no worker would start; what is left of the wait for one."""
    waited = await resources_of(request).nowcasts.presence.require(wait or 0.0)
    return None if wait is None else max(0.0, wait - waited)


WaitLeft = Annotated[float | None, Depends(require_worker)]
Options = Annotated[UploadOptions, Depends(get_options)]
SentUpload = Annotated[Upload, Depends(get_upload)]
