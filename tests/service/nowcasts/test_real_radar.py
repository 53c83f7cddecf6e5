"""Real radar events as they are, through HTTP: ten frames come back, with scores."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import netCDF4
import numpy as np
import pytest

from tests.patience import PATIENCE_SECONDS
from tests.service.bodies import NETCDF, forecast
from tests.service.real_processes import eventually

pytestmark = pytest.mark.real_radar
EVENTS = ("bom-brisbane_20201031", "knmi_20100826", "mch_20150515")  # the smaller ones


def eleventh_last_time(path: Path) -> str:
    with netCDF4.Dataset(path) as file:
        return datetime.fromtimestamp(float(file["time"][-11]), UTC).isoformat()


def check_finished(client: httpx.Client, answer: httpx.Response, observed_frames: int) -> None:
    assert answer.status_code == 202, answer.text
    path = answer.headers["location"]
    jobs: list[dict[str, Any]] = []

    def ended() -> bool:
        jobs[:] = [client.get(path).json()]
        return jobs[0]["status"] not in ("accepted", "queued", "running")

    eventually(ended, 2 * PATIENCE_SECONDS)
    (job,) = jobs
    assert job["status"] == "succeeded", job
    assert len(job["valid_times"]) == 10
    assert job["verification"]["sample"]["frames"] == observed_frames
    pooled = job["verification"]["methods"]["model"]["30"]["pooled"]
    assert pooled["hits"] + pooled["misses"] > 0
    with np.load(io.BytesIO(forecast(client, job, "npz").content), allow_pickle=False) as arrays:
        frames = arrays["reflectivity_dbz"]
    assert len(frames) == 10
    assert np.isfinite(frames).any(axis=(1, 2)).all()


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_goes_through_as_it_is(
    client: httpx.Client, radar_folder: Path, event: str
) -> None:
    path = radar_folder / f"{event}.nc"
    options = {"reference_time": eleventh_last_time(path)}
    answer = client.post("/nowcast", params=options, content=path.read_bytes(), headers=NETCDF)
    check_finished(client, answer, observed_frames=10)
