"""Request bodies, good and bad."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import netCDF4
import numpy as np

from echocast.model.formats.forecast_writer import write_frames
from echocast.model.frames import Frames
from echocast.model.synthetic.storms import storm
from echocast.service.http.openapi_examples import shower

NETCDF = {"Content-Type": "application/x-netcdf"}
JSON = {"Content-Type": "application/json"}
HDF5 = {"Content-Type": "application/x-hdf5"}
WAIT = {"Prefer": "wait=30"}
STORM_STEP = timedelta(minutes=6)
REFERENCE = (storm(3, frames=1, height=16, width=16).times[0] + 9 * STORM_STEP).isoformat()


@lru_cache
def netcdf(seed: int = 3, frames: int = 10, side: int = 64) -> bytes:
    return written(storm(seed, frames=frames, height=side, width=side))


def written(frames: Frames) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "frames.nc"
        write_frames(frames, path)
        return path.read_bytes()


def body(**changes: Any) -> dict[str, Any]:
    """The shower of the documentation, changed."""
    return {**shower(10), **changes}


def uniform(frames: int = 10, side: int = 16, dbz: float | None = 20) -> list[Any]:
    return [[[dbz] * side for _ in range(side)] for _ in range(frames)]


def post(client: httpx.Client, content: bytes, **headers: str) -> httpx.Response:
    return client.post("/nowcast", content=content, headers={**NETCDF, **headers})


def post_json(client: httpx.Client, content: bytes | str) -> httpx.Response:
    return client.post("/nowcast", content=content, headers=JSON)


def small_netcdf(
    folder: Path,
    *,
    units: str | None = "dBZ",
    minutes: Sequence[float] = tuple(range(0, 50, 5)),
    one_pixel: float = 20,
) -> bytes:
    """Ten frames as some other program would write them."""
    path = folder / "small.nc"
    with netCDF4.Dataset(path, "w") as file:
        for name, size in (("time", 10), ("y", 16), ("x", 16)):
            file.createDimension(name, size)
        file.createVariable("time", "f8", ("time",)).units = "minutes since 2025-07-01"
        file["time"][:] = minutes
        rain = file.createVariable("rain", "f4", ("time", "y", "x"))
        rain[:] = 20
        rain[2, 3, 4] = one_pixel
        if units:
            rain.units = units
    return path.read_bytes()


def other_storm(seed: int) -> bytes:
    return netcdf(seed=seed, frames=10)


def values(seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return storm(seed, frames=10, height=64, width=64).reflectivity_dbz


def is_problem(answer: httpx.Response, status: int, slug: str, rule: str | None = None) -> None:
    """The answer is a problem+json of that kind that says something."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"urn:echocast:problem:{slug}", problem
    assert problem["status"] == status
    assert len(problem["detail"]) > 10
    if rule is not None:
        assert problem["rule"] == rule, problem


def forecast(client: httpx.Client, job: dict[str, Any], name: str) -> httpx.Response:
    answer = client.get(job["links"]["forecast"], params={"format": name})
    assert answer.status_code == 200, answer.text
    return answer
