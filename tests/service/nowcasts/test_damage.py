"""A forecast that is damaged is never served: it is gone, and the same frames make it again."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests import damages
from tests.damages import flip
from tests.service.bodies import NETCDF, WAIT, is_problem, netcdf
from tests.service.real_processes import Place
from tests.service.streams.stream_feed import feed, time_of

FORMATS = ("netcdf", "json", "npz", "png", "webp")


DAMAGES: dict[str, Callable[[Path], object]] = {
    **damages.DAMAGES,
    "tail zeroed": lambda path: path.write_bytes(path.read_bytes()[:-64] + bytes(64)),
}


def damaged_forecasts(client: httpx.Client) -> float:
    text = client.get("/metrics").text
    sample = r'^echocast_archive_damaged_total{kind="forecast",worker="gateway"} (\S+)$'
    match = re.search(sample, text, re.M)
    assert match, "the metric is there from the beginning"
    return float(match[1])


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_forecast_is_gone_and_made_again(
    home: Place, client: httpx.Client, damage: str
) -> None:
    content = netcdf(seed=500 + list(DAMAGES).index(damage))
    headers = {**NETCDF, **WAIT, "Idempotency-Key": f"damaged {damage}"}
    job = client.post("/nowcast", content=content, headers=headers).json()
    link = job["links"]["forecast"]
    whole = client.get(link).content
    (path,) = (home.data / "store" / "forecasts").rglob(f"*{job['id']}*.nc")
    before = damaged_forecasts(client)
    DAMAGES[damage](path)
    for name in FORMATS:
        answer = client.get(link, params={"format": name})
        is_problem(answer, 410, "archive-damaged")
        assert "Send the same frames again" in answer.json()["detail"]
    assert damaged_forecasts(client) == before + 1
    again = client.post("/nowcast", content=content, headers=headers).json()
    assert (again["id"], again["status"]) == (job["id"], "succeeded")
    assert again["started"] != job["started"]
    assert len(client.get(link).content) == len(whole)


def test_damaged_input_is_left_out_of_pictures(home: Place, client: httpx.Client) -> None:
    inputs = home.data / "store" / "inputs"
    others = set(inputs.rglob("*.npy"))
    job = client.post("/nowcast", content=netcdf(seed=550), headers={**NETCDF, **WAIT}).json()
    (values,) = set(inputs.rglob("*.npy")) - others
    flip(values)
    for name in FORMATS:
        assert client.get(job["links"]["forecast"], params={"format": name}).status_code == 200


def test_a_stream_serves_the_newest_forecast_that_is_whole(
    home: Place, client: httpx.Client
) -> None:
    name = "with-damage"
    feed(client, name, range(2))
    folder = home.data / "store" / "forecasts" / name
    first, second = (
        [p for p in sorted(folder.rglob("*.nc")) if p.name.startswith(start)]
        for start in sorted({p.name.split("_")[0] for p in folder.rglob("*.nc")})
    )
    for path in second:
        flip(path)
    place = {"lat": 50, "lon": 8}
    for form in FORMATS:
        answer = client.get(f"/streams/{name}/latest", params={"format": form})
        assert answer.status_code == 200
        assert re.search(r"_(\d{8}T\d{4}Z)", answer.headers["content-disposition"])
    reference = client.get(f"/streams/{name}/latest", params={"format": "json"}).json()
    assert reference["forecast_reference_time"] == time_of(0)
    assert client.get(f"/streams/{name}/point", params=place).status_code == 200
    for path in first:
        path.write_bytes(b"")
    for form in FORMATS:
        answer = client.get(f"/streams/{name}/latest", params={"format": form})
        is_problem(answer, 404, "no-forecast-yet")
    is_problem(client.get(f"/streams/{name}/point", params=place), 404, "no-forecast-yet")
