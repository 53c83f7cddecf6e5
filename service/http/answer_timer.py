"""AnswerTimer: the status of an answer, and how long it took."""

from __future__ import annotations

import time

from starlette.types import Message, Send


class AnswerTimer:
    """Notes what passes through :meth:`noting`; an application that raises has answered 500."""

    def __init__(self) -> None:
        self.status = 500
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since the request came."""
        return time.perf_counter() - self._started

    def noting(self, send: Send) -> Send:
        """What sends an answer on, its status noted."""

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
            await send(message)

        return send_noted
