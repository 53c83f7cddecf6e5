"""Every request has an id, and an answer: what nothing else answered is a problem, too."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echocast.service.errors import Stopping
from echocast.service.http.problems import answer_to
from echocast.service.http.request_id import HEADER, current_id, usable_id
from echocast.service.http.traceparent import HEADER as TRACEPARENT
from echocast.service.http.traceparent import current_traceparent
from echocast.workers.runtime.tracing import usable_traceparent


class RequestId:
    """ASGI middleware that names requests, and answers the errors that reach it.

    Args:
        app: What answers.
        retry_after_seconds: When a caller may try again.
    """

    def __init__(self, app: ASGIApp, retry_after_seconds: int) -> None:
        self.app = app
        self.retry_after_seconds = retry_after_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; its id stands in the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = usable_id(Headers(scope=scope).get(HEADER, ""))
        current_id.set(request_id)
        current_traceparent.set(usable_traceparent(Headers(scope=scope).get(TRACEPARENT, "")))
        started = False

        async def send_named(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                named = (HEADER.encode(), request_id.encode())
                message = {**message, "headers": [*message.get("headers", ()), named]}
            await send(message)

        try:
            await self.app(scope, receive, send_named)
        except (Exception, asyncio.CancelledError) as error:
            answer = answer_to(scope, _refusal(error), self.retry_after_seconds)
            if started:
                raise
            await answer(scope, receive, send_named)


def _refusal(error: BaseException) -> Exception:
    """Only a server that stops cancels a request, when it has waited long enough."""
    if isinstance(error, Exception):
        return error
    return Stopping("The service stops, and could not do this in time; ask again.")
