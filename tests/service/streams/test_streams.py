"""Streams through HTTP, with all processes: frames go in, forecasts and scores come out."""

from __future__ import annotations

import csv
import io
from email.utils import parsedate_to_datetime

import httpx
import numpy as np
import pytest

from tests.service.bodies import is_problem
from tests.service.real_processes import Place, eventually
from tests.service.streams.stream_feed import (
    agree,
    all_scored,
    counted,
    declare,
    feed,
    put,
    references,
    time_of,
)

NAME = "radar"
FED = 14


@pytest.fixture(scope="module")
def fed(client: httpx.Client, home: Place) -> httpx.Client:
    """A stream that has taken fourteen frames and scored everything."""
    feed(client, NAME, range(FED))
    eventually(all_scored(home, NAME, FED))
    return client


def test_every_frame_gets_a_forecast_and_every_forecast_its_scores(
    fed: httpx.Client, home: Place
) -> None:
    assert references(fed, NAME) == [time_of(slot) for slot in range(FED)]
    assert counted(fed, NAME, "model") == 4 + 3 + 2 + 1  # references 9 to 12
    assert counted(fed, NAME, "canary") == counted(fed, NAME, "model")
    assert counted(fed, NAME, "fallback") == sum(min(10, FED - 1 - slot) for slot in range(9))
    assert agree(home, NAME)


def test_fewer_than_ten_frames_degrade_and_say_so(fed: httpx.Client) -> None:
    nowcasts = fed.get(f"/streams/{NAME}/nowcasts").json()["nowcasts"]
    models = [nowcast["model"] for nowcast in nowcasts]
    assert models == ["persistence/1"] + 8 * ["extrapolation/1"] + 5 * ["tiny/1"]
    assert "1 of 10 frames" in nowcasts[0]["quality"]["degraded"]
    assert "degraded" not in nowcasts[9]["quality"]


def test_the_newest_forecast_is_fresh_until_the_next_frame_is_due(fed: httpx.Client) -> None:
    answer = fed.get(f"/streams/{NAME}/latest")
    assert answer.status_code == 200
    assert answer.content[:4] in (b"\x89HDF", b"CDF\x02")
    left = parsedate_to_datetime(answer.headers["expires"]) - parsedate_to_datetime(
        answer.headers["date"]
    )
    assert 0 < left.total_seconds() <= 301  # the server says its Date once a second
    again = fed.get(f"/streams/{NAME}/latest", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["json", "png", "webp", "npz"])
def test_the_newest_forecast_comes_in_every_format(fed: httpx.Client, name: str) -> None:
    first = fed.get(f"/streams/{NAME}/latest", params={"format": name})
    second = fed.get(f"/streams/{NAME}/latest", params={"format": name})
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    kind = "inline" if name in ("png", "webp") else "attachment"
    disposition = first.headers["content-disposition"]
    assert disposition.startswith(f'{kind}; filename="{NAME}_')
    assert disposition.endswith(f'Z.{name}"')
    assert first.headers["vary"] == "Accept, Accept-Encoding"
    assert first.headers["cache-control"].startswith("private, max-age=")
    assert "last-modified" in first.headers
    assert first.headers["etag"] != fed.get(f"/streams/{NAME}/latest").headers["etag"]


def test_the_forecast_of_a_stream_is_a_job_like_any_other(fed: httpx.Client) -> None:
    newest = fed.get(f"/streams/{NAME}/nowcasts").json()["nowcasts"][-1]
    # it is listed as soon as it is written; its job ends a moment later
    eventually(lambda: fed.get(f"/nowcast/{newest['id']}").json()["status"] == "succeeded")
    file = fed.get(f"/nowcast/{newest['id']}/forecast")
    assert file.content == fed.get(f"/streams/{NAME}/latest").content


def test_the_newest_forecast_at_a_place(fed: httpx.Client) -> None:
    point = fed.get(f"/streams/{NAME}/point", params={"lat": 50, "lon": 8}).json()
    body = fed.get(f"/streams/{NAME}/latest", params={"format": "json"}).json()
    row, column = point["row"], point["column"]
    assert (row, column) == (15, 15)
    assert point["reflectivity_dbz"] == [frame[row][column] for frame in body["frames"]]
    assert point["radar_coverage"] == [value is not None for value in point["reflectivity_dbz"]]
    lists = ("valid_times", "lead_minutes", "rain_rate_mm_h", "extrapolation_dbz")
    assert {len(point[name]) for name in lists} == {10}
    assert (
        point["expected_dbz"] == point["expected_rain_rate_mm_h"] == []
    )  # there is no such product
    assert set(point["exceedance_probability"]) >= {"20", "30", "40", "50"}
    wet = [
        r
        for r, z in zip(point["rain_rate_mm_h"], point["reflectivity_dbz"], strict=True)
        if z and z > 0
    ]
    assert all(rate > 0 for rate in wet)


@pytest.mark.parametrize(("latitude", "longitude"), [(10, 8), (50, 20), (-50, -170)])
def test_a_place_outside_the_grid(fed: httpx.Client, latitude: float, longitude: float) -> None:
    place = {"lat": latitude, "lon": longitude}
    is_problem(fed.get(f"/streams/{NAME}/point", params=place), 422, "contract-violation", "place")


def test_scores_come_as_json_csv_and_picture(fed: httpx.Client) -> None:
    view = fed.get(f"/streams/{NAME}/verification").json()
    rows = list(
        csv.DictReader(
            io.StringIO(fed.get(f"/streams/{NAME}/verification", params={"format": "csv"}).text)
        )
    )
    assert len(rows) == 8 * 4 * 10  # methods, thresholds, leads
    for row in rows:
        lead = view["methods"][row["method"]][row["threshold_dbz"]]["leads"][
            int(float(row["lead_minutes"]) / 5) - 1
        ]
        assert int(row["hits"]) == lead["hits"]
        assert (row["csi"] == "") == (lead["csi"] is None)
    picture = fed.get(f"/streams/{NAME}/verification", headers={"Accept": "image/png"})
    assert picture.content.startswith(b"\x89PNG")


def test_only_the_methods_and_hours_that_are_asked_for_count(fed: httpx.Client) -> None:
    path = f"/streams/{NAME}/verification"
    assert list(fed.get(path, params={"method": "persistence"}).json()["methods"]) == [
        "persistence"
    ]
    assert fed.get(path, params={"method": "luck"}).status_code == 422
    early = {"from": "2001-01-01T00:00:00Z", "to": "2001-01-02T00:00:00Z"}
    pooled = fed.get(path, params=early).json()["methods"]["model"]["30"]["pooled"]
    assert (pooled["hits"], pooled["csi"]) == (0, None)
    assert fed.get(path, params={**early, "from": "1990-01-01T00:00Z"}).status_code == 422


def test_prometheus_sees_every_label_from_the_beginning(fed: httpx.Client) -> None:
    declare(fed, "silent")
    lines = fed.get("/metrics").text.splitlines()
    zero = [
        line
        for line in lines
        if line.startswith("echocast_stream_verification_pixels_total{") and '"silent"' in line
    ]
    assert len(zero) == 6 * 4 * 4
    assert all(line.endswith(" 0.0") for line in zero)
    values = [
        float(line.rsplit(" ", 1)[1])
        for line in lines
        if f'stream="{NAME}"' in line and 'method="model"' in line
    ]
    scores = fed.get(f"/streams/{NAME}/verification").json()["methods"]["model"]
    counts = [
        scores[t]["pooled"][o]
        for t in ("20", "30", "40", "50")
        for o in ("hits", "misses", "false_alarms", "correct_negatives")
    ]
    assert values == counts
    gauges = {line.split("{")[0] for line in lines if f'stream="{NAME}"' in line}
    for name in (
        "missing_share",
        "absent_frames",
        "delay_seconds",
        "dbz_percentile_95",
        "mean_speed_metres_per_second",
        "paired_skill",
        "frequency_bias",
    ):
        assert f"echocast_stream_{name}" in gauges


def test_one_missing_frame_is_bridged_and_a_long_gap_is_not(
    client: httpx.Client, home: Place
) -> None:
    declare(client, "gaps", auto_nowcast=False)
    for slot in (0, 1, 2, 3, 5, 6, 7, 8, 9):
        put(client, "gaps", slot)
    declare(client, "gaps")
    put(client, "gaps", 10)
    eventually(lambda: time_of(10) in references(client, "gaps"))
    newest = client.get("/streams/gaps/nowcasts").json()["nowcasts"][-1]
    assert newest["model"] == "tiny/1"
    assert time_of(4)[:16] in newest["quality"]["bridged"]
    put(client, "gaps", 14)
    eventually(lambda: time_of(14) in references(client, "gaps"))
    newest = client.get("/streams/gaps/nowcasts").json()["nowcasts"][-1]
    assert newest["model"] == "persistence/1"


def test_a_late_frame_is_scored_but_not_forecast_from(client: httpx.Client, home: Place) -> None:
    feed(client, "late", range(2))
    feed(client, "late", range(3, 4))
    before = references(client, "late")
    answer = put(client, "late", 2)
    assert (answer.status_code, answer.json()["late"]) == (201, True)
    eventually(all_scored(home, "late", 3))
    assert references(client, "late") == before
    assert agree(home, "late")


def test_a_replaced_frame_redoes_its_scores_and_nothing_else(
    client: httpx.Client, home: Place
) -> None:
    feed(client, "replaced", range(3))
    eventually(all_scored(home, "replaced", 3))
    before = client.get("/streams/replaced/verification").json()
    latest = client.get("/streams/replaced/latest").content
    assert put(client, "replaced", 2, seed=9).status_code == 409
    answer = put(client, "replaced", 2, seed=9, replace=True)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "replaced")
    eventually(lambda: client.get("/streams/replaced/verification").json()["corrections"] == 3)
    eventually(all_scored(home, "replaced", 3))
    after = client.get("/streams/replaced/verification").json()
    assert after["methods"] != before["methods"]
    assert client.get("/streams/replaced/latest").content == latest
    assert agree(home, "replaced")


def test_numbers_of_the_newest_forecast_are_those_of_its_file(fed: httpx.Client) -> None:
    import tempfile
    from pathlib import Path

    from echocast.model.formats.forecast_reader import read_forecast

    body = fed.get(f"/streams/{NAME}/latest", params={"format": "json"}).json()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "latest.nc"
        path.write_bytes(fed.get(f"/streams/{NAME}/latest").content)
        forecast = read_forecast(path)
    values = np.array(body["frames"], dtype=float)
    np.testing.assert_allclose(values, forecast.frames.reflectivity_dbz, atol=0.006)
