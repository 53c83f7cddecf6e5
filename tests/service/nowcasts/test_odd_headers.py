"""No header makes an error of ours: each is passed over, or refused as the caller's."""

from __future__ import annotations

import pytest

from tests.service.bodies import is_problem
from tests.service.real_processes import Gateway

MULTIPART = "multipart/form-data; boundary="
PART = b'--b\r\nContent-Disposition: form-data; name="files"; filename'
BOUNDARIES = ["b" * 257, "b" * 5000, "", '"', '"b', "b\xe9", "utf-8''b", ";", "=", "b b"]
ODD = {
    "Origin": ["http://[::1", "http://[", "//", "null", "http://\xe9", "http://a@b:c", "x" * 5000],
    "Host": ["[::1", "[", ":", "127.0.0.1:x", "\xe9", "x" * 5000],
    "Content-Type": [
        "multipart/form-data; boundary*=utf-8''b",
        "multipart/form-data; boundary*0=b; boundary*1=c",
        "multipart/form-data; boundary*x=b",
        "multipart/form-data; boundary*=x\xe9''b",
        "multipart/form-data; =",
        "application/json; charset=nonsense",
        "/",
        ";",
        "\xe9/\xe9",
        "x" * 5000,
    ],
    "Accept": ["application/json;q=x", ";;;", "q=", "*/*;q=nan", "*/*;q=1e999", "\xe9", ",," * 500],
    "Prefer": ["wait=", "wait=x", "wait=999999999", "wait=\xb2", "wait=-1", ";wait", "wait" * 900],
    "Idempotency-Key": ["", "\xe9", "x" * 5000, "a b", "\x7f"],
    "Authorization": ["Bearer", "Basic \xe9", "x" * 5000, "Bearer \xe9", ":"],
    "X-API-Key": ["", "\xe9", "x" * 5000],
    "If-None-Match": ["", "*", '"', 'W/"', "\xe9", "x" * 5000],
    "Sec-Fetch-Site": ["", "x", "\xe9"],
    "Expect": ["100-continue", "x"],
    "Range": ["bytes=", "bytes=9-1", "x"],
    "Content-Encoding": ["gzip", "x"],
}
CASES = [(name, value) for name, values in ODD.items() for value in values]


def headers(name: str, value: str) -> list[tuple[bytes, bytes]]:
    own = [] if name == "Content-Type" else [(b"Content-Type", b"application/json")]
    return [*own, (name.encode(), value.encode("latin-1"))]


@pytest.mark.parametrize(("name", "value"), CASES, ids=lambda value: ascii(value)[:40])
def test_an_odd_header_is_no_error_of_ours(door: Gateway, name: str, value: str) -> None:
    for method, path in (("POST", "/nowcast"), ("GET", "/healthz"), ("GET", "/models")):
        answer = door.client.request(method, path, content=b"{}", headers=headers(name, value))
        assert answer.status_code < 500, (method, path, answer.text)


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda value: ascii(value)[:40])
def test_a_boundary_that_is_none_is_refused(door: Gateway, boundary: str) -> None:
    content_type = (MULTIPART + boundary).encode("latin-1")
    answer = door.client.post("/nowcast", content=b"x", headers={"Content-Type": content_type})
    is_problem(answer, 400, "malformed-body")


def test_an_origin_that_is_no_address_is_of_another_site(door: Gateway) -> None:
    answer = door.client.post("/nowcast", content=b"x", headers={"Origin": "http://[::1"})
    is_problem(answer, 403, "cross-site")


@pytest.mark.parametrize(
    "name",
    [
        b"*=x''a",
        b"*=utf-8''%ff",
        b"*=a\x00b''c",
        b"*0*=utf-8''a",
        b'="',
        b"*x=a",
        b"=\xff",
        b"*9=a",
    ],
)
def test_an_odd_name_of_a_part_is_no_error_of_ours(door: Gateway, name: bytes) -> None:
    content = PART + name + b"\r\n\r\nx\r\n--b--\r\n"
    kind = {"Content-Type": MULTIPART + "b"}
    answer = door.client.post("/nowcast", content=content, headers=kind)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("time", ["0.5", "1782907200", "-1", "1e9", "1_000", "20260701", "nan"])
def test_a_number_is_no_time(door: Gateway, time: str) -> None:
    """It would be read as seconds since 1970."""
    asked = [
        door.client.post(f"/nowcast?reference_time={time}", json={}),
        door.client.get(f"/models/history?at={time}"),
        door.client.get(f"/streams/x/nowcasts?from={time}"),
        door.client.get(f"/streams/x/verification?to={time}"),
        door.client.put(f"/streams/x/frames/{time}", json={}),
    ]
    for answer in asked:
        is_problem(answer, 422, "invalid-parameter")
