"""A played agency: a server on loopback whose answers a test chooses, and which notes requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """One answer. ``length`` is what is announced; None: the body ends with the connection."""

    body: bytes | Iterable[bytes] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = -1


@dataclass
class PlayedAgency:
    """What a test sees of the server."""

    url: str
    answer: Callable[[Asked], Reply]
    asked: list[Asked] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def paths(self) -> list[str]:
        return [one.path for one in self.asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    agency: PlayedAgency

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
        self.agency.asked.append(asked)
        try:
            self._send(self.agency.answer(asked))
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except BaseException as error:
            self.agency.failures.append(error)
            raise

    do_POST = do_GET

    def _send(self, reply: Reply) -> None:
        body = [reply.body] if isinstance(reply.body, bytes) else reply.body
        length = len(reply.body) if isinstance(reply.body, bytes) else None
        length = length if reply.length == -1 else reply.length
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.close_connection = length is None or length != _size(reply.body)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        for chunk in body:
            self.wfile.write(chunk)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


def _size(body: bytes | Iterable[bytes]) -> int | None:
    return len(body) if isinstance(body, bytes) else None


@contextmanager
def played_agency(answer: Callable[[Asked], Reply]) -> Iterator[PlayedAgency]:
    """A server on loopback; it ends with the context, and the test fails where it failed."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = False
    agency = PlayedAgency(f"http://127.0.0.1:{server.server_address[1]}", answer)
    handler.agency = agency  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield agency
    finally:
        server.shutdown()
        with suppress(OSError):
            server.server_close()
        thread.join()
    assert not agency.failures, agency.failures
