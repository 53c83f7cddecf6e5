"""JSON bodies of changes: read after the key, small, in time, each name once."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import pytest

from echocast.service.auth.keys import new_key
from tests.patience import PATIENCE_SECONDS
from tests.service.bodies import JSON, is_problem
from tests.service.real_processes import Gateway, gateway, place

SECRET, KEY = new_key("admin", "admin")
CHANGES = [
    ("PUT", "/streams/x"),
    ("POST", "/models/rollback"),
    ("POST", "/models/tiny/1/promote"),
]
each_change = pytest.mark.parametrize(("method", "path"), CHANGES)


@pytest.fixture(scope="module")
def guarded(models: Path) -> Iterator[Gateway]:
    """A gateway with keys, without engine, which waits a second for a body."""
    with place(models) as where, gateway(where, keys=KEY, upload_timeout_seconds="1") as gate:
        yield gate


@pytest.mark.parametrize(
    ("content", "status", "slug", "rule"),
    [
        (b"", 400, "malformed-body", None),
        (b"{", 400, "unreadable-input", "unreadable"),
        (b'{"why": "\xff"}', 400, "unreadable-input", "unreadable"),
        (b"[" * 5000, 400, "unreadable-input", "unreadable"),
        (b"1" * 5000, 400, "unreadable-input", "unreadable"),
        (b"[]", 422, "contract-violation", "json-shape"),
        (b'{"why": "a", "why": "b"}', 422, "contract-violation", "json-duplicate"),
        (b'{"grid": {"y": 1, "y": 2}}', 422, "contract-violation", "json-duplicate"),
        (b'{"step_minutes": NaN}', 422, "contract-violation", "infinite-value"),
        (b'{"unknown": 1}', 422, "invalid-parameter", None),
        (b" " * 2**20 + b"{}", 413, "body-too-large", None),
    ],
    ids=lambda value: ascii(value)[:30],
)
@each_change
def test_a_body_that_is_none_is_refused(
    door: Gateway, method: str, path: str, content: bytes, status: int, slug: str, rule: str | None
) -> None:
    answer = door.client.request(method, path, content=content, headers=JSON)
    is_problem(answer, status, slug, rule)


@each_change
def test_a_body_of_another_type_is_refused(door: Gateway, method: str, path: str) -> None:
    for kind in ("text/plain", "application/x-netcdf", ""):
        headers = {"Content-Type": kind} if kind else {}
        answer = door.client.request(method, path, content=b"{}", headers=headers)
        is_problem(answer, 415, "unsupported-media-type")


def first_answer(gate: Gateway, *lines: str, body: bytes = b"") -> tuple[int, bytes]:
    """Status and body that come back while the rest of a body of 100 kB is still to come."""
    more = ("Host: a", "Content-Type: application/json", "Content-Length: 100000", "", "")
    address = ("127.0.0.1", gate.client.base_url.port or 0)
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall("\r\n".join((*lines, *more)).encode() + body)
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read()


@each_change
def test_the_key_is_checked_before_a_byte_of_the_body(
    guarded: Gateway, method: str, path: str
) -> None:
    """Else everybody could have the gateway hold what is large, and wait for what is slow."""
    assert first_answer(guarded, f"{method} {path} HTTP/1.1")[0] == 401


@each_change
def test_a_slow_body_is_refused(guarded: Gateway, method: str, path: str) -> None:
    lines = f"{method} {path} HTTP/1.1", f"Authorization: Bearer {SECRET}"
    status, answer = first_answer(guarded, *lines, body=b"{")
    assert status == 408
    assert b"body-too-slow" in answer
