"""One line in the log for each refusal, and for every answer where that is asked for.

Of `/readyz`, which is asked many times a second while the service starts, only the first answer of
its kind has a line.
"""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Receive, Scope, Send

from echocast.service.auth.account import NOBODY, current_account
from echocast.service.http.answer_timer import AnswerTimer
from echocast.service.http.problems import current_problem
from echocast.service.http.request_id import current_id

FIRST_REFUSAL = 400
PROBED = "/readyz"
log = logging.getLogger("echocast.requests")


class LogAnswers:
    """ASGI middleware that logs who asked for what, why it was refused, and how long it took.

    The query is left out: it may hold what is nobody's business.

    Args:
        app: What answers.
        all_answers: Whether answers that are no refusals have a line, too.
    """

    def __init__(self, app: ASGIApp, *, all_answers: bool) -> None:
        self.app = app
        self.all_answers = all_answers
        self._probed = ""  # what was wrong when it was asked last

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and log how it was answered."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Requests of one connection may share a context.
        current_account.set(NOBODY)
        current_problem.set(("", ""))
        answer = AnswerTimer()
        try:
            await self.app(scope, receive, answer.noting(send))
        finally:
            if self._has_line(scope["path"], answer.status) or self.all_answers:
                _log_line(scope, answer.status, answer.seconds)

    def _has_line(self, path: str, status: int) -> bool:
        if path != PROBED:
            return status >= FIRST_REFUSAL
        slug, _ = current_problem.get()
        before, self._probed = self._probed, slug
        return slug != before


def _log_line(scope: Scope, status: int, seconds: float) -> None:
    slug, detail = current_problem.get() if status >= FIRST_REFUSAL else ("", "")
    address = scope["client"][0] if scope.get("client") else "unknown"
    facts = {
        "method": scope["method"],
        "path": scope["path"][:200],
        "status": status,
        "problem": slug,
        "detail": detail,
        "request_id": current_id.get(),
        "who": current_account.get().name or "nobody",
        "address": address,
        "seconds": round(seconds, 6),
    }
    log.info(
        "%s %.200r is answered by %d%s (request %s, for %s at %s, %.3f s)",
        scope["method"],
        scope["path"],
        status,
        f" {slug}: {detail}" if slug else "",
        facts["request_id"],
        facts["who"],
        address,
        seconds,
        extra={"facts": facts},
    )
