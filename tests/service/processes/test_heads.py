"""Heads of requests on a raw socket: how large, how slow and how many they may be."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.service.real_processes import Gateway, Place, eventually, gateway, place

MIB = 1024 * 1024
OPENING = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
SLOW_SOCKETS = 100


@pytest.fixture(scope="module")
def gate(models: Path) -> Iterator[Gateway]:
    """A gateway without engine, which waits a second for a head, and for a body."""
    patience = {"head_timeout_seconds": "1", "upload_timeout_seconds": "1"}
    with place(models) as where, gateway(where, **patience) as gate:
        yield gate


@pytest.fixture(scope="module")
def narrow(models: Path) -> Iterator[tuple[Place, Gateway]]:
    """A gateway to which nobody has sent anything, with few connections for each address."""
    with place(models) as where, gateway(where, address_connection_limit="5") as gate:
        gate.client.close()
        yield where, gate


def connected(gate: Gateway) -> socket.socket:
    return socket.create_connection(
        ("127.0.0.1", gate.client.base_url.port or 0), timeout=PATIENCE_SECONDS
    )


def all_of(connection: socket.socket) -> bytes:
    """Everything until the other side closes; a reset counts as an end."""
    pieces = []
    try:
        while piece := connection.recv(65536):
            pieces.append(piece)
    except ConnectionError:
        pass
    return b"".join(pieces)


def sent(gate: Gateway, *pieces: bytes) -> bytes:
    """What the gateway answers to these bytes until it closes."""
    with connected(gate) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
        except ConnectionError:
            pass
        return all_of(connection)


def is_problem(answer: bytes, status: int, slug: str) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()), answer[:300]
    assert b"content-type: application/problem+json" in head.lower()
    assert re.search(rb"\r\nx-request-id: [0-9a-f]{32}(\r\n|$)", head)
    problem = json.loads(body)
    assert problem["status"] == status
    assert problem["type"] == f"urn:echocast:problem:{slug}"
    assert problem["detail"].endswith(".")


def header_lines(size: int) -> Iterator[bytes]:
    line = b"X-A: " + b"a" * 1000 + b"\r\n"
    return (line for _ in range(size // len(line)))


@pytest.mark.parametrize("form", ["many headers", "one header", "one path", "trailers"])
def test_a_large_head_is_refused_and_not_kept(gate: Gateway, form: str) -> None:
    assert gate.client.get("/healthz").status_code == 200
    gate.forget_peak()
    before = gate.resident_bytes()
    flood = {
        "many headers": [OPENING, *header_lines(2 * MIB)],
        "one header": [OPENING, b"X-A: ", *[b"a" * 65536] * 32],
        "one path": [b"GET /", *[b"a" * 65536] * 32],
        "trailers": [
            b"PUT /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            *header_lines(2 * MIB),
        ],
    }[form]
    answer = sent(gate, *flood)
    if form == "trailers":  # answered before the trailers came
        assert answer.startswith(b"HTTP/1.1 405 ")
    else:
        is_problem(answer, 431, "head-too-large")
    assert gate.peak_bytes() - before < MIB


def test_a_head_below_the_limit_is_answered_however_it_arrives(gate: Gateway) -> None:
    lines = [OPENING, *header_lines(60_000), b"Connection: close\r\n\r\n"]
    assert sent(gate, *lines).startswith(b"HTTP/1.1 200 ")
    assert sent(gate, b"".join(lines)).startswith(b"HTTP/1.1 200 ")
    too_large = [OPENING, *header_lines(70_000), b"Connection: close\r\n\r\n"]
    is_problem(sent(gate, b"".join(too_large)), 431, "head-too-large")


def test_a_body_is_not_taken_for_a_head(gate: Gateway) -> None:
    head = b"PUT /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    body = [b"a" * 65536] * 8
    length = f"Content-Length: {8 * 65536}\r\n\r\n".encode()
    assert sent(gate, head + length, *body).startswith(b"HTTP/1.1 405 ")


def test_half_sent_heads_and_silent_connections_end_while_others_are_served(gate: Gateway) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(gate)) for _ in range(SLOW_SOCKETS)]
        for connection in slow[::2]:
            connection.sendall(OPENING)
        assert gate.client.get("/healthz").status_code == 200
        for number, connection in enumerate(slow):
            answer = all_of(connection)
            if number % 2:
                assert answer == b""
            else:
                is_problem(answer, 408, "head-too-slow")
    assert gate.client.get("/healthz").status_code == 200


@pytest.mark.parametrize("drop", [b"\r\n", b"G"])
def test_a_connection_that_was_used_ends_too(gate: Gateway, drop: bytes) -> None:
    with connected(gate) as connection:
        connection.sendall(OPENING + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(drop)
        all_of(connection)


def test_the_rest_of_a_body_that_nobody_reads_has_its_time(gate: Gateway) -> None:
    head = b"PUT /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
    with connected(gate) as connection:
        connection.sendall(head + b"a")
        assert connection.recv(65536).startswith(b"HTTP/1.1 405 ")
        all_of(connection)


def test_connections_have_a_number(models: Path) -> None:
    with place(models) as where, gateway(where, connection_limit="20") as gate:
        with ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(connected(gate))
            answer = all_of(stack.enter_context(connected(gate)))
            is_problem(answer, 503, "too-many-connections")
            assert b"retry-after: " in answer.lower()
            head, _, body = answer.partition(b"\r\n\r\n")
            assert f"x-request-id: {json.loads(body)['request_id']}".encode() in head
        eventually(lambda: gate.client.get("/healthz").status_code == 200)


def test_an_address_has_its_share_of_them(narrow: tuple[Place, Gateway]) -> None:
    with ExitStack() as stack:
        for _ in range(6):
            last = stack.enter_context(connected(narrow[1]))
        is_problem(all_of(last), 503, "too-many-connections")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"junk\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n b: c\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
    ],
)
def test_what_is_no_http_is_told_so(gate: Gateway, request_bytes: bytes) -> None:
    is_problem(sent(gate, request_bytes), 400, "malformed-request")


def test_a_flood_of_what_is_no_http_fills_no_log(narrow: tuple[Place, Gateway]) -> None:
    where, gate = narrow
    for _ in range(20):
        is_problem(sent(gate, b"junk\r\n\r\n"), 400, "malformed-request")
    log = (where.data / "echocast.service.processes.gateway.log").read_text()
    assert log.count("Invalid HTTP request") == 1


def test_a_websocket_is_answered_plainly(gate: Gateway) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    head = b"GET /streams/x/live HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    is_problem(sent(gate, head + upgrade + key), 404, "not-found")


def test_two_host_headers_are_refused(gate: Gateway) -> None:
    twice = OPENING + b"Host: 127.0.0.1\r\nConnection: close\r\n\r\n"
    is_problem(sent(gate, twice), 421, "unknown-host")
