"""Rain at a place through HTTP: what is answered equals a recount from forecast and frame."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pytest

from echocast.model.formats import stream_frame
from echocast.model.frames import Frames
from echocast.model.outlook.outlook import rain_outlook
from echocast.model.outlook.series import PlaceTime
from echocast.model.reflectivity import ZR
from echocast.service.streams.places import Places
from echocast.workers.archive.archive import Archive
from echocast.workers.streams.stores import StreamStores
from tests.service.bodies import is_problem
from tests.service.rain.live_feed import STEP, feed_live
from tests.service.real_processes import Place

NAME, OLD = "rain-now", "rain-before"
PLACES = [(50.0, 8.0), (50.05, 8.05), (49.95, 8.1), (50.1, 7.9)]


@pytest.fixture(scope="module")
def fed(client: httpx.Client) -> Frames:
    return feed_live(client, NAME, 2)


@pytest.fixture(scope="module")
def fed_long_ago(client: httpx.Client) -> Frames:
    return feed_live(client, OLD, 1, age=timedelta(hours=2))


def rain(client: httpx.Client, name: str = NAME, **params: Any) -> dict[str, Any]:
    answer = client.get(f"/streams/{name}/rain", params={"lat": 50, "lon": 8, **params})
    assert answer.status_code == 200, answer.text
    given: dict[str, Any] = answer.json()
    return given


@pytest.mark.parametrize(("latitude", "longitude"), PLACES)
@pytest.mark.parametrize("threshold", [0.1, 5])
def test_it_is_what_frame_and_forecast_have_there(
    client: httpx.Client, fed: Frames, latitude: float, longitude: float, threshold: float
) -> None:
    place = {"lat": latitude, "lon": longitude}
    given = rain(client, **place, threshold_mm_h=threshold)
    point = client.get(f"/streams/{NAME}/point", params=place).json()
    value = fed.reflectivity_dbz[-1, point["row"], point["column"]]
    rate = float(ZR().rain_rate_mm_h(round(float(value), 2), no_rain_dbz=fed.no_rain_dbz))
    rows = zip(point["valid_times"], point["rain_rate_mm_h"], strict=True)
    series = [PlaceTime(fed.times[-1], round(rate, 3))]
    series += [PlaceTime(datetime.fromisoformat(time), forecast) for time, forecast in rows]
    counted = rain_outlook(series, STEP, threshold)
    for field, value in (
        ("observed", fed.times[-1]),
        ("forecast_reference_time", fed.times[-1]),
        ("next_start", counted.start),
        ("next_end", counted.end),
        ("rain_again", counted.again_from),
        ("peak_time", counted.peak and counted.peak.time),
    ):
        assert (given[field] and datetime.fromisoformat(given[field])) == value, field
    assert (given["state"], given["raining_now"]) == (counted.state, counted.raining_now)
    assert given["rate_now_mm_h"] == pytest.approx(counted.rate_now_mm_h, abs=0.002)
    assert not given["stale"]


def test_the_language_is_that_of_the_header_or_the_parameter(
    client: httpx.Client, fed: Frames
) -> None:
    place = {"lat": 50, "lon": 8}
    german = client.get(
        f"/streams/{NAME}/rain", params=place, headers={"Accept-Language": "de-CH, en;q=0.5"}
    ).json()
    assert german["language"] == "de"
    assert "Regen" in german["sentence"]
    french = rain(client, lang="fr", tz="Europe/Paris")
    assert "UTC" not in french["sentence"]
    assert french["language"] == "fr"


def test_images_that_are_late_are_called_so(client: httpx.Client, fed_long_ago: Frames) -> None:
    given = rain(client, OLD)
    assert (given["stale"], given["state"], given["raining_now"]) == (True, "unknown", None)
    assert given["sentence"].startswith("The newest image is from")
    assert given["next_start"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold_mm_h": 0},
        {"threshold_mm_h": "much"},
        {"lang": "it"},
        {"lat": 91},
        {"lat": "nan"},
        {"colour": "red"},
    ],
)
def test_what_is_wrong_is_refused(client: httpx.Client, fed: Frames, wrong: dict[str, Any]) -> None:
    params = {"lat": 50, "lon": 8, **wrong}
    assert client.get(f"/streams/{NAME}/rain", params=params).status_code == 422


def test_where_there_is_nothing_to_say(client: httpx.Client, fed: Frames) -> None:
    far = client.get(f"/streams/{NAME}/rain", params={"lat": 10, "lon": 8})
    is_problem(far, 422, "contract-violation", "place")
    zone = client.get(f"/streams/{NAME}/rain", params={"lat": 50, "lon": 8, "tz": "Nowhere"})
    is_problem(zone, 422, "contract-violation", "time-zone")
    other = client.get("/streams/nowhere/rain", params={"lat": 50, "lon": 8})
    is_problem(other, 404, "unknown-stream")
    client.put("/streams/rain-never", json={"step_minutes": 5}).raise_for_status()
    empty = client.get("/streams/rain-never/rain", params={"lat": 50, "lon": 8})
    is_problem(empty, 404, "no-forecast-yet")


def test_a_frame_is_decoded_once_for_all_places(
    home: Place, fed: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    original = stream_frame.StreamFrame.from_bytes.__func__  # type: ignore[attr-defined]

    def counting(cls: Any, content: bytes) -> Any:
        decoded.append(len(content))
        return original(cls, content)

    monkeypatch.setattr(stream_frame.StreamFrame, "from_bytes", classmethod(counting))
    stores = StreamStores.of(Archive(home.settings.archive_root).files)
    places = Places(stores, None, None)  # type: ignore[arg-type]
    for pixel in ((3, 4), (20, 20), (31, 0)):
        given = places._observed(NAME, *pixel)
        assert given is not None
        value = fed.reflectivity_dbz[-1, *pixel]
        assert (given.rate_mm_h is None) == bool(np.isnan(value))
    assert len(decoded) == 1
