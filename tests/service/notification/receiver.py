"""What receives messages on loopback, as webhooks and ntfy do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """A server of webhooks; it answers what a test says.

    Args:
        status: Of its answers.
        location: Where it redirects to; empty: nowhere.
        port: TCP port.
        messages: Path and body of what it has accepted.
        requests: Paths of all that was asked of it.
    """

    status: int = 200
    location: str = ""
    port: int = 0
    messages: list[tuple[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [str(body["message"]) for _, body in self.messages]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append(self.path)
            if receiver.status == 200:
                receiver.messages.append((self.path, json.loads(body)))
            self.send_response(receiver.status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
