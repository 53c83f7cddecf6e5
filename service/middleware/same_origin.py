"""Requests from pages of other sites are refused by a service without keys."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from echocast.model.errors import short
from echocast.service.errors import CrossSite
from echocast.service.http.problems import problem_of

HARMLESS_METHODS = ("GET", "HEAD", "OPTIONS")
OWN_SITES = ("same-origin", "none")  # our own page; an address that the person typed


class SameOrigin:
    """ASGI middleware that refuses what a browser sends on behalf of a page of another origin.

    Browsers say where a request comes from (``Sec-Fetch-Site``, older ones ``Origin``); a page
    can't change that. Programs like curl say neither and are not concerned.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "http" and scope["method"] not in HARMLESS_METHODS:
            headers = Headers(scope=scope)
            if not is_same_origin(headers):
                origin = short(headers.get("origin", "another site"))
                refusal = CrossSite(f"A page of {origin!r} may not change anything here.")
                await problem_of(refusal)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def is_same_origin(headers: Headers) -> bool:
    """True where the request does not come from a page of another origin."""
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in OWN_SITES
    if (origin := headers.get("origin")) is not None:
        return _is_of(origin, headers.get("host", ""))
    return True


def _is_of(origin: str, host: str) -> bool:
    """Whether an origin is that of a host; one that is no address is of none."""
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        return False
