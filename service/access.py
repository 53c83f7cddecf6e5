"""Who may do what: the keys, streams and accounts of requests, as dependencies of routes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from echocast.model.errors import short
from echocast.service.auth.account import Account, current_account
from echocast.service.auth.audit import RequestAudit
from echocast.service.auth.keys import Key
from echocast.service.errors import MissingScope
from echocast.service.resources import AppResources, Resources, resources_of
from echocast.workers.errors import UnknownStream

ONE_STREAM = "/streams/{name}"
HOW_TO_SEND = (
    "An API key, where the service has any: `Authorization: Bearer KEY` or `X-API-Key: KEY`."
)
bearer = HTTPBearer(auto_error=False, description=HOW_TO_SEND)
header_key = APIKeyHeader(name="X-API-Key", auto_error=False, description=HOW_TO_SEND)
BearerKey = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
HeaderKey = Annotated[str | None, Depends(header_key)]


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
        credentials: BearerKey,
        key: HeaderKey,
    ) -> Key | None:
        secret = credentials.credentials if credentials else key
        known = resources_of(request).keys.check(secret, scope)
        admit(request, known)
        return known

    return check


def admit(request: Request, key: Key | None) -> None:
    """Note who asks, and refuse a stream that the key is not bound to.

    Readers do not learn whether there is such a stream.

    Raises:
        UnknownStream: The caller wanted to read.
        MissingScope: The caller wanted to change something.
    """
    current_account.set(Account.of(key, address_of(request)))
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
    credentials: BearerKey,
    key: HeaderKey,
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
