"""Answers in gzip, for callers that read it: JSON and other text, not pictures and files.

A compressed answer has a weak entity tag: its bytes are others, what it says is the same.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import (
    DEFAULT_EXCLUDED_CONTENT_TYPES,
    GZipResponder,
    IdentityResponder,
)
from starlette.types import ASGIApp, Receive, Scope, Send

from echocast.service.http.formats import FORMATS, by_preference

LEAST_BYTES: Final = 1000
LEVEL: Final = 5  # of zlib: within a few percent of its highest, in a third of the time
COMPACT: Final = (
    *DEFAULT_EXCLUDED_CONTENT_TYPES,
    *(form.media_type for form in FORMATS.values() if form.name != "json"),
    "application/octet-stream",
    "image/*",
)
WEAK: Final = "W/"


class ZipAnswers:
    """ASGI middleware that compresses what is worth it, and is not compressed already."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer as the caller reads it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif "gzip" in by_preference(Headers(scope=scope).get("accept-encoding", "")):
            zipped = _Zipped(
                self.app, LEAST_BYTES, compresslevel=LEVEL, exclude_content_types=COMPACT
            )
            await zipped(scope, receive, send)
        else:
            plain = IdentityResponder(self.app, LEAST_BYTES, exclude_content_types=COMPACT)
            await plain(scope, receive, send)


class _Zipped(GZipResponder):
    """Compresses one answer."""

    async def apply_compression(self, body: bytes, *, more_body: bool) -> bytes:
        """The same bytes in gzip."""
        headers = MutableHeaders(raw=self.initial_message["headers"])
        if "etag" in headers and not headers["etag"].startswith(WEAK):
            headers["etag"] = WEAK + headers["etag"]
        return await super().apply_compression(body, more_body=more_body)
