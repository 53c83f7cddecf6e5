"""The shapes of other services: requests as their clients send them, read as they read them."""

from __future__ import annotations

import base64
import re
import zlib
from datetime import datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pytest

from echocast.model.frames import Frames
from tests.service.bodies import is_problem
from tests.service.rain.live_feed import SIDE, STEP, feed_live

NAME, OLD = "rain-shapes", "rain-shapes-before"
PLACE = {"lat": 50.0, "lon": 8.0}


@pytest.fixture(scope="module")
def fed(client: httpx.Client) -> Frames:
    return feed_live(client, NAME, 2)


def get(client: httpx.Client, path: str, **params: Any) -> dict[str, Any]:
    answer = client.get(f"/streams/{NAME}/{path}", params=params)
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


def point(client: httpx.Client) -> dict[str, Any]:
    return get(client, "point", **PLACE)


def test_met_norway_s_nowcast_as_home_assistant_reads_it(client: httpx.Client, fed: Frames) -> None:
    read = get(client, "weatherapi/nowcast/2.0/complete", **PLACE)
    assert read["geometry"]["coordinates"] == [8.0, 50.0]
    properties = read["properties"]
    assert properties["meta"]["radar_coverage"] == "ok"
    assert properties["meta"]["units"]["precipitation_rate"] == "mm/h"
    there = point(client)
    rates = [
        entry["data"]["instant"]["details"].get("precipitation_rate")
        for entry in properties["timeseries"]
    ]
    assert rates[1:] == pytest.approx(there["rain_rate_mm_h"], abs=0.006)
    times = [datetime.fromisoformat(entry["time"]) for entry in properties["timeseries"]]
    assert times == [fed.times[-1] + lead * STEP for lead in range(len(rates))]
    assert get(client, "weatherapi/nowcast/2.0/compact", **PLACE) == read
    assert get(client, "rain", **PLACE, format="metno") == read
    by_header = client.get(
        f"/streams/{NAME}/rain", params=PLACE, headers={"Accept": "application/geo+json"}
    )
    assert by_header.headers["content-type"] == "application/geo+json"
    assert by_header.json() == read


def test_old_images_have_no_rates_in_met_norway_s_shape(client: httpx.Client) -> None:
    feed_live(client, OLD, 1, age=timedelta(hours=2))
    answer = client.get(f"/streams/{OLD}/weatherapi/nowcast/2.0/complete", params=PLACE)
    properties = answer.json()["properties"]
    assert properties["meta"]["radar_coverage"] == "temporarily unavailable"
    assert [entry["data"]["instant"]["details"] for entry in properties["timeseries"]] == [{}]


def test_bright_sky_s_radar_at_one_pixel(client: httpx.Client, fed: Frames) -> None:
    """A page that shows the next hour asks for one metre around, and reads the only number."""
    read = get(client, "radar", **PLACE, distance=1, format="plain")
    there = point(client)
    amounts = [record["precipitation_5"][0][0] for record in read["radar"]]
    rates = [amount / 100 * 12 for amount in amounts[1:]]
    assert rates == pytest.approx(there["rain_rate_mm_h"], abs=0.061)
    assert read["bbox"] == [there["row"], there["column"]] * 2
    times = [datetime.fromisoformat(record["timestamp"]) for record in read["radar"]]
    assert times == [fed.times[-1] + lead * STEP for lead in range(len(amounts))]
    for record in read["radar"]:
        run = re.search(r"::(\d{4}-\d{2}-\d{2}T.*)$", record["source"])
        assert run
        assert datetime.fromisoformat(run[1]) == fed.times[-1]


def test_bright_sky_s_encodings_hold_the_same(client: httpx.Client, fed: Frames) -> None:
    plain, whole = get(client, "radar", format="plain"), get(client, "radar")
    raw = get(client, "radar", format="bytes")
    assert whole["bbox"] == [0, 0, SIDE - 1, SIDE - 1]
    assert len(whole["geometry"]["coordinates"]) == 4
    for one, bare, packed in zip(plain["radar"], raw["radar"], whole["radar"], strict=True):
        content = zlib.decompress(base64.b64decode(packed["precipitation_5"]))
        assert content == base64.b64decode(bare["precipitation_5"])
        values = np.frombuffer(content, "<u2").reshape(SIDE, SIDE).astype(int)
        expected = [[65535 if v is None else v for v in row] for row in one["precipitation_5"]]
        assert (values == expected).all()


def test_the_place_lies_where_bright_sky_s_answer_says(client: httpx.Client, fed: Frames) -> None:
    there = point(client)
    read = get(client, "radar", **PLACE, distance=5000, format="plain")
    top, left, bottom, right = read["bbox"]
    at = read["latlon_position"]
    assert abs(at["y"] + top - there["row"]) < 0.501
    assert abs(at["x"] + left - there["column"]) < 0.501
    assert np.shape(read["radar"][0]["precipitation_5"]) == (bottom - top + 1, right - left + 1)
    edges = get(client, "radar", bbox=f"{top},{left},{bottom},{right}", format="plain")
    assert edges["radar"] == read["radar"]
    later = get(client, "radar", **PLACE, date=read["radar"][3]["timestamp"], tz="Europe/Berlin")
    assert len(later["radar"]) == len(read["radar"]) - 3


@pytest.mark.parametrize(
    ("params", "rule"),
    [
        ({"lat": 50}, "place"),
        ({"lat": 10, "lon": 8}, "place"),
        ({"bbox": "0,0,32,5"}, "bbox"),
        ({"bbox": "much"}, "bbox"),
        ({"tz": "Nowhere"}, "time-zone"),
    ],
)
def test_what_bright_sky_s_shape_refuses(
    client: httpx.Client, fed: Frames, params: dict[str, Any], rule: str
) -> None:
    answer = client.get(f"/streams/{NAME}/radar", params=params)
    is_problem(answer, 422, "contract-violation", rule)


def test_an_unknown_shape_is_refused(client: httpx.Client, fed: Frames) -> None:
    answer = client.get(f"/streams/{NAME}/rain", params=PLACE, headers={"Accept": "text/html"})
    is_problem(answer, 406, "not-acceptable")
