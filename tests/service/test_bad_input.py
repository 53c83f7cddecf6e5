"""Everything that can be wrong with what is sent, through real HTTP; the gateway lives on."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import httpx
import netCDF4
import numpy as np
import pytest

from model.frames import Grid
from model.synthetic import storm
from tests.service.bodies import (
    HDF5,
    NETCDF,
    body,
    is_problem,
    netcdf,
    post,
    uniform,
    written,
)
from tests.service.processes import Gateway

MIB = 2**20


@pytest.fixture
def door_client(door: Gateway) -> httpx.Client:
    return door.client


def refused_json(
    door: Gateway, status: int, slug: str, rule: str | None = None, **changes: Any
) -> None:
    is_problem(door.client.post("/nowcast", json=body(**changes)), status, slug, rule)


def times(*minutes: float, start: datetime = datetime(2025, 7, 1, tzinfo=UTC)) -> list[str]:
    return [(start + timedelta(minutes=m)).isoformat() for m in minutes]


# The bytes


@pytest.mark.parametrize(
    "content", [b"not json", b'{"frames": [[[1', b"\xff\xfe", b"[1, 2]", b"null"]
)
def test_what_is_not_json_is_refused(door: Gateway, content: bytes) -> None:
    answer = door.client.post(
        "/nowcast", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422)
    is_problem(answer, answer.status_code, answer.json()["type"].rsplit(":", 1)[1])


@pytest.mark.parametrize("headers", [NETCDF, HDF5], ids=["netcdf", "hdf5"])
def test_what_is_not_netcdf_or_hdf5_is_refused(door: Gateway, headers: dict[str, str]) -> None:
    is_problem(
        door.client.post("/nowcast", content=b"GIF89a" * 100, headers=headers),
        400,
        "unreadable-input",
    )


def test_an_empty_body_is_refused(door: Gateway) -> None:
    is_problem(post(door.client, b""), 400, "malformed-body")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.99])
def test_a_truncated_netcdf_is_refused(door: Gateway, share: float) -> None:
    content = netcdf()
    is_problem(post(door.client, content[: int(share * len(content))]), 400, "unreadable-input")


def test_flipped_bits_never_hurt(door: Gateway) -> None:
    """Some flips go unnoticed by the format; none may crash or hang anything."""
    content, random = netcdf(), np.random.default_rng(1)
    for _ in range(12):
        damaged = bytearray(content)
        for place in random.integers(0, len(content), 8):
            damaged[place] ^= 1 << int(random.integers(8))
        answer = post(door.client, bytes(damaged))
        assert answer.status_code in (202, 400, 413, 422, 503), answer.text
    assert door.client.get("/healthz").status_code == 200


def test_a_small_file_that_claims_gigabytes_is_refused(door: Gateway, tmp_path: Path) -> None:
    path = tmp_path / "bomb.nc"
    with netCDF4.Dataset(path, "w") as file:
        for name, size in (("time", 10), ("y", 8000), ("x", 8000)):
            file.createDimension(name, size)
        file.createVariable("time", "f8", ("time",)).units = "seconds since 1970-01-01"
        file["time"][:] = 1.7e9 + 300 * np.arange(10)
        rain = file.createVariable("rain", "f4", ("time", "y", "x"), zlib=True, fill_value=-1)
        rain.units = "dBZ"
    assert path.stat().st_size < 64_000
    answer = post(door.client, path.read_bytes())
    is_problem(answer, 413, "input-too-large")


def test_object_arrays_are_refused(door: Gateway, tmp_path: Path) -> None:
    path = tmp_path / "object.nc"
    with h5py.File(path, "w") as file:
        rain = file.create_dataset("rain", (10, 16, 16), dtype=h5py.vlen_dtype(np.uint8))
        rain.attrs["units"] = "dBZ"
    answer = post(door.client, path.read_bytes())
    assert answer.status_code in (400, 422)
    is_problem(answer, answer.status_code, answer.json()["type"].rsplit(":", 1)[1])


def test_pickled_arrays_are_refused(door: Gateway) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    is_problem(post(door.client, buffer.getvalue()), 400, "unreadable-input")


# The frames


def test_nine_frames_are_refused(door: Gateway) -> None:
    whole = body()
    nine = {"frames": whole["frames"][:9], "times": whole["times"][:9]}
    refused_json(door, 422, "contract-violation", "frame-count", **nine)
    is_problem(post(door.client, netcdf(frames=9)), 422, "contract-violation", "frame-count")


def test_frames_of_different_shapes_are_refused(door: Gateway) -> None:
    frames = [*uniform(9), *uniform(1, side=17)]
    refused_json(door, 422, "contract-violation", None, frames=frames)


def test_files_on_different_grids_are_refused(door: Gateway) -> None:
    small = storm(1, frames=5, height=32, width=32)
    later = replace(small, times=tuple(t + timedelta(minutes=30) for t in small.times))
    moved = replace(later, grid=Grid.of_pixels(32, 32))
    files = [("files", ("a.nc", written(small))), ("files", ("b.nc", written(moved)))]
    is_problem(door.client.post("/nowcast", files=files), 422, "contract-violation")


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
    door: Gateway, minutes: tuple[float, ...], rule: str
) -> None:
    refused_json(door, 422, "contract-violation", rule, times=times(*minutes))


def test_units_must_be_told(door: Gateway) -> None:
    bare = body()
    del bare["units"]
    answer = door.client.post("/nowcast", json=bare)
    assert answer.status_code == 422
    assert "units" in answer.json()["detail"]
    refused = door.client.post("/nowcast", json=body(units="furlong"))
    assert refused.status_code == 422


@pytest.mark.parametrize("dbz", [-41, 96, 255])
def test_values_out_of_range_are_refused(door: Gateway, dbz: float) -> None:
    refused_json(door, 422, "contract-violation", "range", frames=uniform(dbz=dbz))


def test_too_many_missing_pixels_are_refused(door: Gateway) -> None:
    refused_json(door, 422, "contract-violation", "missing-share", frames=uniform(dbz=None))


@pytest.mark.parametrize("word", ["Infinity", "-Infinity", "1e999"])
def test_infinities_are_refused(door: Gateway, word: str) -> None:
    text = json.dumps(body()).replace("[[[0", f"[[[{word}", 1)
    answer = door.client.post(
        "/nowcast", content=text, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422), answer.text


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
    is_problem(post(door.client, path.read_bytes()), 413, "input-too-large")


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
    assert answer.status_code == 422
    assert "snow" in answer.json()["detail"]
