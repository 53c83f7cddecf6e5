"""A stream in mm/h accepts rain in any unit and no reflectivity; one in dBZ the reverse."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.model.formats.radar_files import odim_file, odim_span, raw_netcdf
from tests.service.bodies import HDF5, NETCDF, is_problem, uniform
from tests.service.streams.stream_feed import declare

NOON = "2026-07-01T12:00:00Z"
LWE = {"standard_name": "lwe_precipitation_rate"}


def odim(folder: Path, quantity: str) -> tuple[bytes, dict[str, str]]:
    raw = np.full((16, 16), 10, np.uint8)
    offset = -32.0 if quantity == "DBZH" else 0.0
    path = odim_file(folder / "a.h5", raw, quantity=quantity, gain=0.1, offset=offset)
    return odim_span(path, "115500", "120000").read_bytes(), HDF5


def netcdf(folder: Path, units: str, **more: str) -> tuple[bytes, dict[str, str]]:
    values = np.full((1, 16, 16), 2e-6 if "s-1" in units else 1.0)
    return raw_netcdf(folder / "a.nc", values, units=units, dtype="f8", **more).read_bytes(), NETCDF


def body(_: Path, units: str) -> tuple[dict[str, Any], None]:
    return {"frames": uniform(1, 16, 1.0), "units": units, "times": [NOON]}, None


RAIN = {
    "ODIM RATE": lambda folder: odim(folder, "RATE"),
    "ODIM ACRR": lambda folder: odim(folder, "ACRR"),
    "NetCDF mm/h": lambda folder: netcdf(folder, "mm/h"),
    "NetCDF kg m-2 s-1": lambda folder: netcdf(folder, "kg m-2 s-1"),
    "NetCDF m s-1": lambda folder: netcdf(folder, "m s-1", **LWE),
    "NetCDF mm/day": lambda folder: netcdf(folder, "mm/day"),
    "NetCDF mm/5min": lambda folder: netcdf(folder, "mm/5min"),
    "JSON mm/h": lambda folder: body(folder, "mm/h"),
    "JSON kg m-2 h-1": lambda folder: body(folder, "kg m-2 h-1"),
    "JSON mm/10min": lambda folder: body(folder, "mm/10min"),
}
REFLECTIVITY = {
    "ODIM DBZH": lambda folder: odim(folder, "DBZH"),
    "NetCDF dBZ": lambda folder: netcdf(folder, "dBZ"),
    "NetCDF dBZe": lambda folder: netcdf(folder, "dBZe"),
    "JSON dbz": lambda folder: body(folder, "dbz"),
}


@pytest.mark.parametrize("declared", ["mm/h", "dBZ"])
@pytest.mark.parametrize("sent", [*RAIN, *REFLECTIVITY])
def test_frames_are_of_the_declared_kind(door: Any, tmp_path, declared: str, sent: str) -> None:
    name = f"{sent}-in-{declared}".lower().replace(" ", "-").replace("/", "")
    declare(door.client, name, units=declared)
    content, headers = {**RAIN, **REFLECTIVITY}[sent](tmp_path)
    path = f"/streams/{name}/frames/{NOON}"
    sending = {"json": content} if headers is None else {"content": content, "headers": headers}
    answer = door.client.put(path, **sending)
    if (sent in RAIN) == (declared == "mm/h"):
        assert answer.status_code == 201, answer.text
    else:
        is_problem(answer, 422, "contract-violation", "units")
        kind = "mm/h" if sent in RAIN else "dBZ"
        assert f"declared in {declared}, but the frame is in {kind}" in answer.json()["detail"]
