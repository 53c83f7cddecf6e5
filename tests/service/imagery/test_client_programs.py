"""Requests as programs send them that were written for other services, with nothing changed but
their base address: what they add for themselves disturbs nobody, and what they read is there.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.service.bodies import is_problem
from tests.service.rain.live_feed import feed_live
from tests.service.real_processes import eventually

NAME = "for-programs"
BASE = f"/streams/{NAME}"
AGENT = {"User-Agent": "weather-widget/2.0 github.com/somebody/weather-widget"}
AT = "lat=50.0&lon=8.0"


@pytest.fixture(scope="module")
def fed(client: httpx.Client) -> httpx.Client:
    feed_live(client, NAME, 2)
    eventually(lambda: len(client.get(f"{BASE}/map").json().get("frames", [])) > 2)
    return client


@pytest.fixture(scope="module")
def listed(fed: httpx.Client) -> dict[str, Any]:
    """As a program reads it that keeps no answer."""
    answer = fed.get(f"{BASE}/public/weather-maps.json?_={_milliseconds()}", headers=AGENT)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def _milliseconds() -> int:
    return int(1000 * datetime.now(UTC).timestamp())


@pytest.mark.parametrize("name", ["_", "t", "ts", "cache", "nocache", "_c"])
def test_a_list_of_images_that_must_come_from_no_cache(fed: httpx.Client, name: str) -> None:
    answer = fed.get(f"{BASE}/public/weather-maps.json?{name}={_milliseconds()}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["radar"]["past"]


@pytest.mark.parametrize(
    ("tile", "side"),
    [
        ("256/{z}/{x}/{y}/2/1_1.png", 256),  # a layer of Leaflet
        ("512/{z}/{x}/{y}/4/1_0.png", 512),  # one for dense screens
        ("256/{z}/{x}/{y}/2/1_1.png?time={time}", 256),
        ("256/{z}/{x}/{y}/2/1_1.png?color=3&smooth=1&snow=1", 256),
        ("256/{z}/{x}/{y}/2/1_1.png?key=MY_KEY", 256),
        ("512/{z}/50.0/8.0/6/1_1.png?v={time}", 512),  # a widget's picture around a place
        ("256/{z}/{x}/{y}/255/0_0.png", 256),  # one that reads values
    ],
)
def test_a_tile_of_every_image(
    fed: httpx.Client, listed: dict[str, Any], tile: str, side: int
) -> None:
    for frame in [*listed["radar"]["past"], *listed["radar"]["nowcast"]]:
        where = tile.format(z=7, x=66, y=43, time=frame["time"])
        answer = fed.get(f"{listed['host']}{frame['path']}/{where}", headers=AGENT)
        assert answer.status_code == 200, answer.text
        assert Image.open(io.BytesIO(answer.content)).size == (side, side)


def test_the_tile_is_the_same_whatever_a_program_adds(
    fed: httpx.Client, listed: dict[str, Any]
) -> None:
    path = f"{listed['radar']['past'][-1]['path']}/256/7/66/43/2/1_1.png"
    plain, added = fed.get(path), fed.get(f"{path}?time={_milliseconds()}")
    assert plain.content == added.content
    assert plain.headers["etag"] == added.headers["etag"]


@pytest.mark.parametrize("query", [AT, f"{AT}&altitude=90", f"altitude=12&{AT}"])
def test_met_norway_s_nowcast_with_a_height(fed: httpx.Client, query: str) -> None:
    since = {"If-Modified-Since": "Mon, 30 Nov 2026 12:00:00 GMT"}
    answer = fed.get(f"{BASE}/weatherapi/nowcast/2.0/complete?{query}", headers=AGENT | since)
    assert answer.status_code == 200, answer.text
    first = answer.json()["properties"]["timeseries"][0]["data"]["instant"]["details"]
    assert "precipitation_rate" in first


def test_bright_sky_s_radar_as_pages_ask_for_it(fed: httpx.Client) -> None:
    newest = fed.get(f"{BASE}/radar?tz=UTC").json()["radar"]
    for query in (
        f"{AT}&distance=1&format=plain&tz=Europe/Berlin",
        f"{AT}&distance=150000&format=compressed",
        f"{AT}&date={newest[0]['timestamp'][:19]}.000Z&format=plain&nocache=1",
    ):
        answer = fed.get(f"{BASE}/radar?{query}", headers=AGENT)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["radar"]) >= 1
        assert answer.json()["radar"][0]["precipitation_5"]


def test_our_own_routes_still_refuse_what_they_do_not_know(fed: httpx.Client) -> None:
    for path in (f"{BASE}/map", f"{BASE}/rain", f"{BASE}/point"):
        is_problem(fed.get(f"{path}?{AT}&nocache=1"), 422, "unknown-parameter")
