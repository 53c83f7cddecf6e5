"""A connection whose requests have heads of limited size, time and number.

All this is before a key is asked for. The HTTP parser keeps what it has of a header until the
header is whole, so bytes are counted where they arrive, not where they are parsed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from echocast.service.errors import (
    HeadTooLarge,
    HeadTooSlow,
    MalformedRequest,
    ServiceError,
    TooManyConnections,
)
from echocast.service.http.problems import problem_of
from echocast.service.http.request_id import HEADER, current_id, usable_id

LINGER_SECONDS = 2.0  # for who still sends, so that the answer is not lost by a reset


@dataclass(frozen=True)
class ConnectionLimits:
    """What one connection may send before its request is known, and how many there may be.

    Args:
        head_bytes: Most bytes of a request line with its headers.
        head_seconds: Longest time until a head is whole, from the connection or its first byte.
        rest_seconds: Longest time for the rest of a body that nobody reads.
        connections: Most connections at once.
        address_connections: Most connections at once of one address.
    """

    head_bytes: int
    head_seconds: float
    rest_seconds: float
    connections: int
    address_connections: int


def connection_class(limits: ConnectionLimits) -> type[asyncio.Protocol]:
    """What uvicorn makes its connections of."""
    return cast("type[asyncio.Protocol]", partial(Connection, limits))


class Connection(HttpToolsProtocol):
    """One connection of a client."""

    def __init__(self, limits: ConnectionLimits, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limits = limits
        self.unparsed_bytes = 0  # since a head or a piece of a body was whole
        self.head_has_begun = False
        self.in_body = False
        self.refused = False
        self.deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a head, unless there are too many connections."""
        super().connection_made(transport)
        if error := self._too_many():
            self.connections.discard(self)
            self.refuse(error)
        else:
            self._set_deadline(self.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._clear_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrives, within the limits."""
        if self.refused:
            return
        if self.deadline is None and (self.cycle is None or self.cycle.response_complete):
            limits = self.limits
            self._set_deadline(limits.rest_seconds if self.in_body else limits.head_seconds)
        self.unparsed_bytes += len(data)
        super().data_received(data)
        if self.unparsed_bytes > self.limits.head_bytes:
            self.refuse(self._too_large(), linger=True)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self.head_has_begun = True

    def on_headers_complete(self) -> None:
        """A head is whole."""
        head = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if head > self.limits.head_bytes:
            self.refuse(self._too_large(), linger=True)
            return
        self._clear_deadline()
        self.unparsed_bytes, self.head_has_begun, self.in_body = 0, False, True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body is whole."""
        self.unparsed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole; what follows is another."""
        self.unparsed_bytes, self.in_body = 0, False
        self._clear_deadline()
        super().on_message_complete()

    def send_400_response(self, _: str) -> None:
        """Answer what is no HTTP."""
        self.refuse(MalformedRequest("The bytes that arrived are no valid HTTP/1.1 request."))

    def _unsupported_upgrade_warning(self) -> None:
        """A request to speak another protocol is answered like any other."""

    def refuse(self, error: ServiceError, *, linger: bool = False) -> None:
        """Answer that no request is taken, where an answer can be expected, and close."""
        if self.refused:
            return
        self.refused = True
        self._clear_deadline()
        answer_expected = not self.in_body and (self.cycle is None or self.cycle.response_complete)
        if answer_expected:
            self.transport.write(_answer(error))
        if linger and answer_expected and self.transport.can_write_eof():
            self.transport.write_eof()
            self.deadline = self.loop.call_later(LINGER_SECONDS, self.transport.close)
        else:
            self.transport.close()

    def _too_many(self) -> TooManyConnections | None:
        limits, others = self.limits, self.connections
        if len(others) > limits.connections:
            return TooManyConnections(f"At most {limits.connections} connections may be open.")
        address = self.client and self.client[0]
        of_address = sum(bool(other.client) and other.client[0] == address for other in others)  # type: ignore[union-attr, index]
        if of_address > limits.address_connections:
            return TooManyConnections(
                f"At most {limits.address_connections} connections of one address may be open."
            )
        return None

    def _too_large(self) -> HeadTooLarge:
        return HeadTooLarge(f"A request's head must not exceed {self.limits.head_bytes} bytes.")

    def _set_deadline(self, seconds: float) -> None:
        self.deadline = self.loop.call_later(seconds, self._time_is_up, seconds)

    def _clear_deadline(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def _time_is_up(self, seconds: float) -> None:
        if self.head_has_begun:
            self.refuse(HeadTooSlow(f"A request's head must arrive within {seconds:g} seconds."))
        else:
            self.transport.close()  # nothing was asked


def _answer(error: ServiceError) -> bytes:
    """A whole response, after which the connection closes; its id is ours, as no head was read."""
    request_id = usable_id("")
    token = current_id.set(request_id)
    response = problem_of(error)
    current_id.reset(token)
    named = (HEADER.encode(), request_id.encode())
    headers = [*response.raw_headers, named, (b"connection", b"close")]
    lines = [name + b": " + value + b"\r\n" for name, value in headers]
    return b"".join([STATUS_LINE[response.status_code], *lines, b"\r\n", bytes(response.body)])
