"""The body limit, enforced while bytes arrive and before anything is stored."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echocast.service.errors import BodyTooLarge
from echocast.service.http.problems import problem_of


class BodyLimit:
    """ASGI middleware that answers 413 as soon as a body is known to be too large.

    A body that declares its length is refused before one byte is read; one that does not is cut
    off at the limit.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self.app = app
        self.limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a ``receive`` that counts."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and float(declared) > self.limit_bytes:
            await problem_of(self.too_large())(scope, receive, send)
            return
        await self.app(scope, self.counted(receive), send)

    def counted(self, receive: Receive) -> Receive:
        """The same ``receive``, which raises :class:`BodyTooLarge` beyond the limit."""
        total = 0

        async def receive_counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > self.limit_bytes:
                raise self.too_large()
            return message

        return receive_counted

    def too_large(self) -> BodyTooLarge:
        """The refusal."""
        return BodyTooLarge(f"The body must not exceed {self.limit_bytes} bytes.")
