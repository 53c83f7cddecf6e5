"""Frames that break the input contract, through real HTTP; the gateway lives on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from echocast.model.grid import Grid
from echocast.model.synthetic.storms import storm
from tests.service.bodies import (
    NETCDF,
    body,
    is_problem,
    netcdf,
    post,
    post_json,
    small_netcdf,
    uniform,
    written,
)
from tests.service.real_processes import Gateway


def refused_json(
    door: Gateway, status: int, slug: str, rule: str | None = None, **changes: Any
) -> None:
    is_problem(door.client.post("/nowcast", json=body(**changes)), status, slug, rule)


def times(*minutes: float, start: datetime = datetime(2025, 7, 1, tzinfo=UTC)) -> list[str]:
    return [(start + timedelta(minutes=m)).isoformat() for m in minutes]


def test_nine_frames_are_refused(door: Gateway) -> None:
    whole = body()
    nine = {"frames": whole["frames"][:9], "times": whole["times"][:9]}
    refused_json(door, 422, "contract-violation", "frame-count", **nine)
    is_problem(post(door.client, netcdf(frames=9)), 422, "contract-violation", "frame-count")


def test_frames_of_different_shapes_are_refused(door: Gateway) -> None:
    frames = [*uniform(9), *uniform(1, side=17)]
    refused_json(door, 422, "contract-violation", "shape", frames=frames)
    ragged = [*uniform(9), [*[[20] * 16] * 15, [20] * 15]]
    refused_json(door, 422, "contract-violation", "shape", frames=ragged)


def test_files_on_different_grids_are_refused(door: Gateway) -> None:
    small = storm(1, frames=5, height=32, width=32)
    later = replace(small, times=tuple(t + timedelta(minutes=30) for t in small.times))
    moved = replace(later, grid=Grid.of_pixels(32, 32))
    files = [("files", ("a.nc", written(small))), ("files", ("b.nc", written(moved)))]
    is_problem(door.client.post("/nowcast", files=files), 422, "contract-violation", "grid")


@pytest.mark.parametrize(
    ("minutes", "rule"),
    [
        ((0, 5, 10, 15, 20, 25, 30, 35, 40, 49), "step"),
        ((0, 5, 10, 15, 20, 25, 30, 35, 40, 40), "time-order"),
        ((0, 5, 10, 15, 20, 25, 30, 35, 45, 40), "time-order"),
    ],
    ids=["uneven", "repeated", "unsorted"],
)
def test_times_must_be_even_and_increase(
    door: Gateway, minutes: tuple[float, ...], rule: str, tmp_path: Path
) -> None:
    refused_json(door, 422, "contract-violation", rule, times=times(*minutes))
    in_one_file = small_netcdf(tmp_path, minutes=minutes)
    is_problem(post(door.client, in_one_file), 422, "contract-violation", rule)


def test_units_must_be_told(door: Gateway, tmp_path: Path) -> None:
    bare = body()
    del bare["units"]
    answer = door.client.post("/nowcast", json=bare)
    is_problem(answer, 422, "contract-violation", "units-missing")
    refused_json(door, 422, "contract-violation", "units", units="furlong")
    silent = small_netcdf(tmp_path, units=None)
    is_problem(post(door.client, silent), 422, "contract-violation", "units-missing")


@pytest.mark.parametrize("dbz", [-71, 96, 255])
def test_values_out_of_range_are_refused(door: Gateway, dbz: float) -> None:
    refused_json(door, 422, "contract-violation", "range", frames=uniform(dbz=dbz))


def test_too_many_missing_pixels_are_refused(door: Gateway) -> None:
    refused_json(door, 422, "contract-violation", "missing-share", frames=uniform(dbz=None))


@pytest.mark.parametrize("word", ["Infinity", "-Infinity", "1e999"])
def test_infinities_are_refused(door: Gateway, word: str) -> None:
    answer = post_json(door.client, json.dumps(body()).replace("[[[0", f"[[[{word}", 1))
    is_problem(answer, 422, "contract-violation", "infinite-value")


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinities_in_a_file_are_refused(door: Gateway, tmp_path: Path, value: float) -> None:
    answer = post(door.client, small_netcdf(tmp_path, one_pixel=value))
    is_problem(answer, 422, "contract-violation", "infinite-value")


def test_grids_too_small_are_refused(door: Gateway) -> None:
    refused_json(door, 422, "contract-violation", "grid-size", frames=uniform(side=8))


def test_grids_too_large_are_refused(door: Gateway, tmp_path: Path) -> None:
    path = tmp_path / "large.nc"
    with netCDF4.Dataset(path, "w") as file:
        for name, size in (("time", 10), ("y", 10_000), ("x", 10_000)):
            file.createDimension(name, size)
        file.createVariable("time", "f8", ("time",)).units = "seconds since 1970-01-01"
        file["time"][:] = 1.7e9 + 300 * np.arange(10)
        rain = file.createVariable("rain", "i1", ("time", "y", "x"), zlib=True)
        rain.units = "dBZ"
        rain[0, :1000, :1000] = 1
    is_problem(post(door.client, path.read_bytes()), 413, "input-too-large", "too-large")


def test_times_far_in_the_future_are_refused(door: Gateway) -> None:
    start = datetime.now(UTC) + timedelta(days=1)
    refused_json(
        door, 422, "contract-violation", "future", times=times(*range(0, 50, 5), start=start)
    )


def test_a_reference_time_before_all_frames_is_refused(door: Gateway) -> None:
    answer = door.client.post("/nowcast?reference_time=2001-01-01T00:00:00Z", json=body())
    is_problem(answer, 422, "contract-violation", "frame-count")


def test_an_unknown_variable_is_refused(door: Gateway) -> None:
    answer = door.client.post("/nowcast?variable=snow", content=netcdf(), headers=NETCDF)
    is_problem(answer, 422, "contract-violation", "variable-missing")
    assert "snow" in answer.json()["detail"]
