"""Requests that are wrong before anybody looks at their frames; the gateway lives on."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.synthetic.storms import storm
from tests.service.bodies import NETCDF, body, is_problem, netcdf, other_storm, post, written
from tests.service.real_processes import Gateway

MIB = 2**20


def test_a_body_over_the_limit_is_cut_off(door: Gateway) -> None:
    is_problem(post(door.client, b"x" * 5_000_000), 413, "body-too-large")


def test_a_streamed_body_over_the_limit_is_cut_off(door: Gateway) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 64 * MIB:
            sent += 65536
            yield b"x" * 65536

    try:
        answer = door.client.post("/nowcast", content=endless(), headers=NETCDF)
    except httpx.TransportError:
        pytest.fail("the refusal was lost")
    is_problem(answer, 413, "body-too-large")


@pytest.mark.parametrize("content_type", ["text/csv", "image/png", "nonsense", ""])
def test_unknown_content_types_are_refused(door: Gateway, content_type: str) -> None:
    answer = door.client.post("/nowcast", content=b"1", headers={"Content-Type": content_type})
    is_problem(answer, 415, "unsupported-media-type")
    if "/" in content_type:
        assert content_type in answer.json()["detail"]


def test_multipart_bodies_are_checked(door: Gateway) -> None:
    wrong_field = door.client.post("/nowcast", files={"data": ("a.nc", b"x")})
    is_problem(wrong_field, 400, "malformed-body")
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    for content in (b"--b\r\nbroken", b"nothing at all", b"--b--\r\n"):
        broken = door.client.post("/nowcast", content=content, headers=headers)
        is_problem(broken, 400, "malformed-body")
    no_boundary = door.client.post(
        "/nowcast", content=b"x", headers={"Content-Type": "multipart/form-data"}
    )
    is_problem(no_boundary, 400, "malformed-body")


def test_a_refusal_names_the_callers_file(door: Gateway) -> None:
    files = [("files", ("../../etc/pass\nwd.nc", b"nonsense"))]
    answer = door.client.post("/nowcast", files=files)
    is_problem(answer, 400, "unreadable-input")
    assert "wd.nc" in answer.json()["detail"]
    assert "/" not in answer.json()["detail"]


@pytest.mark.parametrize("path", ["", "/forecast", "/verification"])
@pytest.mark.parametrize("name", ["0" * 32, "..%2f..%2fetc", "%00", "x" * 3000])
def test_unknown_ids_are_not_found(door: Gateway, name: str, path: str) -> None:
    answer = door.client.get(f"/nowcast/{name}{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_unknown_ids_cannot_be_cancelled_or_observed(door: Gateway) -> None:
    is_problem(door.client.delete(f"/nowcast/{'0' * 32}"), 404, "unknown-job")
    answer = door.client.post(f"/nowcast/{'0' * 32}/observations", content=netcdf(), headers=NETCDF)
    is_problem(answer, 404, "unknown-job")


def test_unknown_paths_methods_and_parameters(door: Gateway) -> None:
    is_problem(door.client.get("/nowhere/"), 404, "not-found")
    wrong_method = door.client.put("/nowcast")
    assert wrong_method.status_code == 405
    assert wrong_method.headers["allow"] == "POST"
    assert wrong_method.json()["type"] == "urn:echocast:problem:method-not-allowed"
    answer = door.client.post("/nowcast?reference_time=yesterday", json=body())
    is_problem(answer, 422, "invalid-parameter")
    assert "reference_time" in answer.json()["detail"]


def test_the_root_is_a_page_for_browsers_and_links_for_programs(door: Gateway) -> None:
    links = door.client.get("/").json()
    for name in ("documentation", "openapi", "health", "streams", "models", "metrics"):
        assert door.client.get(links[name]).status_code == 200, name
    page = door.client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html")
    head = door.client.head("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (head.status_code, head.content) == (200, b"")
    is_problem(door.client.get("/?embedded=1"), 422, "unknown-parameter")
    is_problem(door.client.get("/page/0/none.js"), 404, "not-found")


def test_head_is_get_without_the_body(door: Gateway) -> None:
    for coding in ("gzip", "identity"):
        reads = {"Accept-Encoding": coding}
        got = door.client.get("/openapi.json", headers=reads)
        head = door.client.head("/openapi.json", headers=reads)
        assert head.status_code == 200
        assert head.content == b""
        assert head.headers["content-length"] == str(got.num_bytes_downloaded)
    assert door.client.head("/nowcast/" + "0" * 32).status_code == 404
    assert door.client.head("/nowcast").status_code == 405


def test_bytes_of_no_declared_type_are_known_by_their_content(door: Gateway) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    answer = door.client.post("/nowcast", content=netcdf(seed=91), headers=headers)
    assert answer.status_code == 202, answer.text
    door.client.delete(answer.headers["location"])


def test_a_misspelt_parameter_is_refused_with_the_known_ones(door: Gateway) -> None:
    answer = door.client.post("/nowcast?refrence_time=2026-07-01T12:00:00Z", json=body())
    is_problem(answer, 422, "unknown-parameter")
    for name in ("'refrence_time'", "reference_time", "variable"):
        assert name in answer.json()["detail"]
    is_problem(door.client.get("/healthz?verbose=1"), 422, "unknown-parameter")


def test_a_reference_time_without_a_time_zone_is_refused(door: Gateway) -> None:
    answer = door.client.post("/nowcast?reference_time=2026-07-01T12:00:00", json=body())
    is_problem(answer, 422, "invalid-parameter")
    assert "timezone" in answer.json()["detail"]


def test_a_full_queue_is_refused_and_says_when_to_come_back(door: Gateway) -> None:
    answers = [post(door.client, other_storm(seed)) for seed in range(20, 24)]
    is_problem(answers[-1], 503, "queue-full")
    assert int(answers[-1].headers["retry-after"]) > 0
    for answer in answers:
        if answer.status_code == 202:
            door.client.delete(answer.headers["location"])


def test_large_frames_never_lie_in_the_gateway(door: Gateway) -> None:
    """Its highest memory during the upload is told by the system, not sampled."""
    frames = storm(3, frames=10, height=32, width=32)
    wide = np.full((10, 1400, 1400), 20, np.float32)
    content = written(Frames(wide, frames.times, Grid.of_pixels(1400, 1400)))
    post(door.client, netcdf())
    door.forget_peak()
    before = door.peak_bytes()
    answer = post(door.client, content)
    assert answer.status_code == 202, answer.text
    assert door.peak_bytes() - before < wide.nbytes / 4
    door.client.delete(answer.headers["location"])


def test_the_gateway_stays_as_small_as_it_was(door: Gateway) -> None:
    """After a few warming rounds, twenty refusals leave the memory flat."""

    def round_of_refusals() -> None:
        for content in (b"junk", b"x" * 3_900_000, netcdf()[:3000]):
            is_problem(post(door.client, content), 400, "unreadable-input")
        is_problem(post(door.client, netcdf(frames=9)), 422, "contract-violation", "frame-count")

    for _ in range(2):
        round_of_refusals()
    before = door.resident_bytes()
    for _ in range(5):
        round_of_refusals()
    assert door.resident_bytes() - before < 8 * MIB
    assert door.process.poll() is None
