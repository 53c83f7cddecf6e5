"""What browsers see and what pages of other sites may make them do."""

from __future__ import annotations

import re

import httpx
import pytest
from starlette.datastructures import Headers

from echocast.service.middleware.allowed_hosts import is_known
from echocast.service.middleware.same_origin import is_same_origin
from echocast.service.settings import ServiceSettings
from tests.patience import PATIENCE_SECONDS
from tests.service.bodies import NETCDF, is_problem, netcdf
from tests.service.real_processes import Gateway


def test_the_api_page_needs_no_other_host(door: Gateway) -> None:
    page = door.client.get("/docs")
    assert page.status_code == 200
    assert "://" not in page.text.replace("http://www.w3.org", "")
    assert '"validatorUrl": null' in page.text
    linked = re.findall(r'(?:src|href|url)(?:=|: )["\']([^"\']+)', page.text)
    assert "/openapi.json" in linked
    assert sum(path.endswith((".js", ".css")) for path in linked) == 2
    for path in linked:
        assert door.client.get(path).status_code == 200, path


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({}, True),  # curl
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8000"}, False),
        ({"sec-fetch-site": "same-origin", "origin": "https://radar.example"}, True),  # proxied
        ({"origin": "http://127.0.0.1:8000"}, True),
        ({"origin": "http://127.0.0.1:9000"}, False),
        ({"origin": "https://weather.example"}, False),
        ({"origin": "null"}, False),
    ],
)
def test_browsers_tell_whose_page_sends(headers: dict[str, str], same: bool) -> None:
    assert is_same_origin(Headers({"host": "127.0.0.1:8000", **headers})) is same


def test_pages_of_other_sites_may_not_submit(door: Gateway) -> None:
    elsewhere = {**NETCDF, "Origin": "https://weather.example", "Sec-Fetch-Site": "cross-site"}
    answer = door.client.post("/nowcast", content=netcdf(), headers=elsewhere)
    is_problem(answer, 403, "cross-site")
    is_problem(door.client.delete("/nowcast/x", headers=elsewhere), 403, "cross-site")
    assert door.client.get("/healthz", headers=elsewhere).status_code == 200


def test_our_own_page_and_curl_may_submit(door: Gateway) -> None:
    ours = {**NETCDF, "Origin": door.url.rstrip("/")}
    for headers in (NETCDF, ours, {**ours, "Sec-Fetch-Site": "same-origin"}):
        answer = door.client.post("/nowcast", content=netcdf(), headers=headers)
        assert answer.status_code == 202, answer.text
    httpx.delete(
        door.url.rstrip("/") + answer.headers["location"], trust_env=False, timeout=PATIENCE_SECONDS
    )


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:8000", True),
        ("localhost", True),
        ("LocalHost:8000", True),
        ("[::1]:8000", True),
        ("radar.example:443", True),
        ("weather.example:8000", False),
        ("127.0.0.1.weather.example", False),
        ("localhost.weather.example", False),
        ("192.168.1.7", False),
        ("[::1", False),
        ("localhost.", True),
        ("localhost.:8000", True),
        ("radar.example.", True),
        ("localhost..", False),
        ("evil@127.0.0.1", False),
        ("127.0.0.1/evil", False),
        ("127.0.0.1?evil", False),
        ("127.0.0.1#evil", False),
        ("127.0.0.1:80:80", False),
        ("127.0.0.1:http", False),
        ("127.0.0.1, 127.0.0.1", False),
        ("127.0.0.1 ", False),
        ("", False),
    ],
)
def test_only_names_of_this_machine_are_answered(host: str, known: bool) -> None:
    assert is_known(host, {"radar.example"}) is known


def test_a_name_that_another_site_points_at_us_is_refused(door: Gateway) -> None:
    rebound = {"Host": "weather.example:8000", "Sec-Fetch-Site": "same-origin"}
    for path in ("/healthz", "/docs", "/streams"):
        is_problem(door.client.get(path, headers=rebound), 421, "unknown-host")
    answer = door.client.post("/nowcast", content=netcdf(), headers={**NETCDF, **rebound})
    is_problem(answer, 421, "unknown-host")
    assert door.client.get("/healthz", headers={"Host": "localhost:1"}).status_code == 200


def test_an_operator_may_allow_more_names() -> None:
    settings = ServiceSettings(allowed_hosts="radar.example, ,proxy.example")
    assert settings.host_names == ("127.0.0.1", "radar.example", "proxy.example")
