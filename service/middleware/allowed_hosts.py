"""Requests for a foreign host name are refused by a service without keys (DNS rebinding).

A page can let its own host name point to 127.0.0.1 (DNS rebinding) and then reads from us as from
itself, with every header a browser would vouch for. Only the name gives it away.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from echocast.model.errors import short
from echocast.service.errors import UnknownHost
from echocast.service.http.problems import problem_of
from echocast.service.settings import is_loopback_host

HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^\s:/?#@,\[\]]+)(:[0-9]*)?")


class AllowedHosts:
    """ASGI middleware that refuses requests for host names that are not ours.

    Args:
        app: What is guarded.
        names: Host names that are ours besides ``localhost`` and all loopback addresses.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self.app = app
        self.names = {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421."""
        if scope["type"] == "http":
            host = ", ".join(Headers(scope=scope).getlist("host"))  # two are no name
            if not is_known(host, self.names):
                refusal = UnknownHost(
                    f"{short(host)!r} is no name of this service; its operator can allow it by"
                    " ECHOCAST_ALLOWED_HOSTS."
                )
                await problem_of(refusal)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def is_known(host: str, names: Collection[str]) -> bool:
    """True where a ``Host`` header, with or without port, is loopback or one of ``names``."""
    if (match := HOST.fullmatch(host)) is None:
        return False
    name = match["name"].lower().removeprefix("[").removesuffix("]").removesuffix(".")
    return name in names or is_loopback_host(name)
