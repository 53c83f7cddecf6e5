"""Scores through HTTP: at once, later, and without observations."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from echocast.model.formats.forecast_reader import read_forecast
from echocast.model.formats.readers import read_frames
from echocast.model.synthetic.storms import storm
from echocast.model.verification.forecast_scores import verify
from tests.service.bodies import (
    NETCDF,
    WAIT,
    forecast,
    is_problem,
    netcdf,
    other_storm,
    post,
    written,
)


def test_scores_equal_a_recount_on_the_written_values(
    client: httpx.Client, job: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "forecast.nc").write_bytes(forecast(client, job, "netcdf").content)
    (tmp_path / "input.nc").write_bytes(netcdf(frames=20))
    observed = read_frames([tmp_path / "input.nc"])[10:]
    recount = verify(read_forecast(tmp_path / "forecast.nc"), observed).to_json()
    scores = client.get(job["links"]["verification"]).json()
    assert scores["methods"] == recount["methods"]
    assert scores["methods"] == job["verification"]["methods"]
    assert scores["methods"]["model"]["30"]["pooled"]["hits"] >= 0
    assert None in [lead["csi"] for lead in scores["methods"]["model"]["50"]["leads"]]


def test_without_observations_all_counts_are_zero(client: httpx.Client) -> None:
    job = post(client, other_storm(45), **WAIT).json()
    assert "verification" not in job or job["verification"]["sample"]["frames"] == 0
    answer = client.get(job["links"]["verification"])
    assert answer.status_code == 200
    pooled = answer.json()["methods"]["model"]["40"]["pooled"]
    assert pooled["correct_negatives"] == pooled["hits"] == 0
    assert pooled["csi"] is None
    assert len(answer.json()["methods"]["persistence"]["30"]["leads"]) == 10


def test_observations_are_scored_when_they_come(client: httpx.Client) -> None:
    frames = storm(46, frames=20, height=48, width=48)
    job = client.post("/nowcast", content=written(frames[:10]), headers={**NETCDF, **WAIT}).json()
    path = job["links"]["observations"]
    for last, count in ((13, 3), (20, 10)):
        answer = client.post(path, content=written(frames[:last]), headers=NETCDF)
        assert answer.status_code == 200, answer.text
        assert answer.json()["sample"]["frames"] == count
    assert client.get(job["links"]["verification"]).json() == {
        name: value for name, value in answer.json().items() if name != "ignored_times"
    }
    early = client.post(path, content=written(frames[:10]), headers=NETCDF)
    is_problem(early, 422, "contract-violation", "observation-times")
    elsewhere = storm(46, frames=12, height=32, width=32)
    other = client.post(path, content=written(elsewhere), headers=NETCDF)
    is_problem(other, 422, "contract-violation", "grid")


def test_observations_that_fit_no_lead_are_refused_or_named(client: httpx.Client) -> None:
    frames = storm(47, frames=22, height=48, width=48)
    job = client.post("/nowcast", content=written(frames[:10]), headers={**NETCDF, **WAIT}).json()
    path = job["links"]["observations"]
    between = frames.with_values(
        frames.reflectivity_dbz[10:14], [time + frames.step / 2 for time in frames.times[10:14]]
    )
    for unfit in (between, frames[20:22]):
        answer = client.post(path, content=written(unfit), headers=NETCDF)
        is_problem(answer, 422, "contract-violation", "observation-times")
    some = client.post(path, content=written(frames[18:22]), headers=NETCDF)
    assert some.status_code == 200, some.text
    assert some.json()["sample"]["frames"] == 2
    ignored = [datetime.fromisoformat(time) for time in some.json()["ignored_times"]]
    assert ignored == list(frames.times[20:22])
