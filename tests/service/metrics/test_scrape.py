"""What workers tell is asked of all at once, and other programs on their ports spoil nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from echocast.service.metrics import scrape
from echocast.service.settings import ServiceSettings
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port

HEAD = b"HTTP/1.0 200 OK\r\n\r\n"
METRIC = HEAD + b"# TYPE told gauge\ntold 1\n"


@contextmanager
def servers(answers: Sequence[Callable[[], bytes]]) -> Iterator[ServiceSettings]:
    """Programs on ports in a row, and the settings of a gateway that takes them for workers."""
    first = free_port(len(answers))
    with ExitStack() as running:
        for port, answer in enumerate(answers, start=first):
            server = running.enter_context(
                ThreadingHTTPServer(("127.0.0.1", port), handler(answer))
            )
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            running.callback(server.shutdown)
        yield ServiceSettings(workers=len(answers), worker_metrics_port=first)


def handler(answer: Callable[[], bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(answer())

        def log_message(self, *_: object) -> None:
            """Not to the tests' output."""

    return Handler


@pytest.mark.parametrize(
    "other",
    [
        HEAD + b"<!doctype html><p>Hello, you</p>",
        HEAD + b"\xff\xfe",
        HEAD + b'{,\t=1\ta="b"',
        HEAD + b"told 3\nand more",
        b"SSH-2.0-OpenSSH_9.7\r\n",
        b"HTTP/1.0 500 Oh\r\n\r\n",
        b"",
    ],
)
def test_another_program_on_a_port_is_left_out(
    other: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrape, "WORKER_PATIENCE_SECONDS", 30.0)
    with servers([lambda: METRIC, lambda: other, lambda: METRIC]) as settings:
        text = scrape.joined(scrape.metrics_of_workers(settings)).decode()
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert samples == ['told{worker="1"} 1.0', 'told{worker="3"} 1.0']


def test_workers_are_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of these answers before all have been asked."""
    monkeypatch.setattr(scrape, "WORKER_PATIENCE_SECONDS", 20.0)
    all_asked = threading.Barrier(3, timeout=PATIENCE_SECONDS)

    def answer() -> bytes:
        all_asked.wait()
        return METRIC

    with servers([answer] * 3) as settings:
        answers = scrape.metrics_of_workers(settings)
    assert [(name, len(metrics)) for name, metrics in answers] == [("1", 1), ("2", 1), ("3", 1)]


def test_no_port_was_set() -> None:
    assert scrape.metrics_of_workers(ServiceSettings(workers=2, worker_metrics_port=0)) == []
