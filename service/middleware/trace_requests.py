"""One span for each request, part of the caller's trace where that has one."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from echocast.service.http.answer_timer import AnswerTimer
from echocast.service.http.request_id import current_id
from echocast.service.http.traceparent import current_traceparent
from echocast.workers.runtime.tracing import Tracing

FIRST_FAULT = 500


class TraceRequests:
    """ASGI middleware; it stands behind the one that names requests."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self.app = app
        self.tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, in a span."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = AnswerTimer()
        method = {"http.request.method": scope["method"], "echocast.request_id": current_id.get()}
        with self.tracing.span(scope["method"], current_traceparent.get(), method):
            await self.app(scope, receive, answer.noting(send))
            self._note(scope, answer.status)

    def _note(self, scope: Scope, status: int) -> None:
        """What is known of an answer: the route is found by then."""
        route = getattr(scope.get("route"), "path", "")
        self.tracing.note({"http.route": route, "http.response.status_code": status})
        if status >= FIRST_FAULT:
            self.tracing.failed(f"It is answered by {status}.")
