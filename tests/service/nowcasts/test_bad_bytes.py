"""Bodies that are not what they claim to be, through real HTTP; the gateway lives on."""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import pytest

from tests.service.bodies import HDF5, NETCDF, body, is_problem, netcdf, post, post_json
from tests.service.real_processes import Gateway


@pytest.mark.parametrize("content", [b"not json", b'{"frames": [[[1', b"\xff\xfe"])
def test_what_is_not_json_is_refused(door: Gateway, content: bytes) -> None:
    is_problem(post_json(door.client, content), 400, "unreadable-input", "unreadable")


@pytest.mark.parametrize("content", [b"[1, 2]", b"null"])
def test_json_that_is_no_object_is_refused(door: Gateway, content: bytes) -> None:
    is_problem(post_json(door.client, content), 422, "contract-violation", "json-shape")


@pytest.mark.parametrize("headers", [NETCDF, HDF5], ids=["netcdf", "hdf5"])
def test_what_is_not_netcdf_or_hdf5_is_refused(door: Gateway, headers: dict[str, str]) -> None:
    is_problem(
        door.client.post("/nowcast", content=b"GIF89a" * 100, headers=headers),
        400,
        "unreadable-input",
        "unreadable",
    )


def test_an_empty_body_is_refused(door: Gateway) -> None:
    is_problem(post(door.client, b""), 400, "malformed-body")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.99])
def test_a_truncated_netcdf_is_refused(door: Gateway, share: float) -> None:
    content = netcdf()
    truncated = post(door.client, content[: int(share * len(content))])
    is_problem(truncated, 400, "unreadable-input", "unreadable")


def flipped(content: bytes, *places: int) -> bytes:
    damaged = bytearray(content)
    for place in places:
        damaged[place] ^= 1 << place % 8
    return bytes(damaged)


def test_a_netcdf_with_flipped_bits_is_refused(door: Gateway, tmp_path: Path) -> None:
    """One bit in the signature, in the checked header, or anywhere in the compressed values."""
    path = tmp_path / "frames.nc"
    path.write_bytes(netcdf())
    with h5py.File(path) as file:
        chunk = file["reflectivity"].id.get_chunk_info(0)
    start, end = chunk.byte_offset, chunk.byte_offset + chunk.size
    for place in (1, 20, start, *range(start + 1, end - 1, chunk.size // 6), end - 1):
        answer = post(door.client, flipped(netcdf(), place))
        is_problem(answer, 400, "unreadable-input", "unreadable")


def test_bits_flipped_anywhere_never_hurt(door: Gateway) -> None:
    """Flips in unused bytes go unnoticed, others make other frames; none crashes or hangs."""
    random = np.random.default_rng(1)
    for _ in range(12):
        answer = post(door.client, flipped(netcdf(), *random.integers(0, len(netcdf()), 8)))
        if answer.status_code == 202:
            door.client.delete(answer.headers["location"])
        else:
            problem = answer.json()["type"].rsplit(":", 1)[1]
            assert problem in ("unreadable-input", "contract-violation", "input-too-large"), problem
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
    assert path.stat().st_size < 10_000
    answer = post(door.client, path.read_bytes())
    is_problem(answer, 413, "input-too-large", "too-large")


def test_object_arrays_are_refused(door: Gateway, tmp_path: Path) -> None:
    path = tmp_path / "object.nc"
    with h5py.File(path, "w") as file:
        rain = file.create_dataset("rain", (10, 16, 16), dtype=h5py.vlen_dtype(np.uint8))
        rain.attrs["units"] = "dBZ"
    is_problem(post(door.client, path.read_bytes()), 422, "contract-violation", "data-type")
    things = body(frames=[[[{"a": 1}] * 16] * 16] * 10)
    is_problem(door.client.post("/nowcast", json=things), 422, "contract-violation", "data-type")


def test_pickled_arrays_are_refused(door: Gateway) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    refused = post(door.client, buffer.getvalue())
    is_problem(refused, 400, "unreadable-input", "unreadable")
