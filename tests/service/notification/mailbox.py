"""A mail server on loopback, which wants a name and a password as those of providers do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "rain", "word"


@dataclass
class Mailbox:
    """What was delivered.

    Args:
        answer: To a message; one that begins with 4 or 5 accepts nothing.
        port: TCP port.
        letters: Recipients and message of what was accepted.
        attempts: Messages that were sent, accepted or not (count).
        stop: Ends the server.
    """

    answer: str = "250 OK"
    port: int = 0
    letters: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    attempts: int = 0
    stop: Callable[[], object] = field(default=lambda: None, repr=False)

    @property
    def texts(self) -> list[str]:
        return [letter.get_body(("plain",)).get_content().strip() for _, letter in self.letters]  # type: ignore[union-attr]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Called by the server for each message."""
        if not session.authenticated:
            return "530 Authentication required"
        self.attempts += 1
        if self.answer.startswith("2"):
            content = envelope.content
            assert isinstance(content, bytes)
            letter = message_from_bytes(content, policy=policy.default)
            assert isinstance(letter, EmailMessage)
            self.letters.append((envelope.rcpt_tos, letter))
        return self.answer


def authenticated(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any
) -> AuthResult:
    """Whether name and password are right."""
    assert isinstance(given, LoginPassword)
    right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@contextmanager
def receiving_mail() -> Iterator[Mailbox]:
    """A server while it runs, in a thread of this process."""
    mailbox, ready = Mailbox(), threading.Event()

    def protocol() -> SMTP:
        words: dict[str, Any] = {"authenticator": authenticated, "auth_require_tls": False}
        return SMTP(mailbox, hostname="mail.example", **words)

    async def serve() -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        async with await loop.create_server(protocol, "127.0.0.1", 0) as server:
            mailbox.port = server.sockets[0].getsockname()[1]
            mailbox.stop = lambda: loop.call_soon_threadsafe(stopped.set)
            ready.set()
            await stopped.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    try:
        yield mailbox
    finally:
        mailbox.stop()
        thread.join()
