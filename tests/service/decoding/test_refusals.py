"""What a refusal repeats of an upload is short and harmless, whatever was sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echocast.service.decoding.child import answer_to
from tests.fuzz.children import REQUEST
from tests.model.formats.radar_files import odim_file, raw_netcdf
from tests.service.bodies import body

MOST = 1000
LETTERS = "A\u202e\x00\x1b[31m\n\r\t\x7f\\\"'<>é雨"
VALUES = np.full((10, 16, 16), 20, np.float32)


def asked(path: Path, kind: str, folder: Path, **changes: Any) -> Mapping[str, Any]:
    return answer_to(
        {**REQUEST, "kind": kind, "paths": [str(path)], "directory": str(folder), **changes}
    )


def check(answer: Mapping[str, Any], what: object) -> None:
    assert "error" in answer, what
    message = answer["error"]["message"]
    assert len(message) < MOST, (what, len(message))
    assert message.isprintable(), (what, message)


def netcdf_places() -> Iterator[tuple[str, Callable[[netCDF4.Dataset, str], None]]]:
    for attribute in ("units", "standard_name", "scale_factor", "_Unsigned", "no_rain_value"):
        yield f"field:{attribute}", lambda d, text, a=attribute: d["field"].setncattr(a, text)
    for attribute in ("units", "calendar", "scale_factor"):
        yield f"time:{attribute}", lambda d, text, a=attribute: d["time"].setncattr(a, text)
    for attribute in ("units", "scale_factor"):
        yield f"y:{attribute}", lambda d, text, a=attribute: d["y"].setncattr(a, text)
    for attribute in ("crs_wkt", "spatial_ref", "proj4", "horizontal_datum_name"):
        yield f"crs:{attribute}", lambda d, text, a=attribute: d["crs"].setncattr(a, text + "=/")


@pytest.mark.parametrize("length", [50, 6_000, 60_000])
@pytest.mark.parametrize(("place", "put"), [*netcdf_places()], ids=lambda value: str(value)[:30])
def test_texts_of_netcdf_files_are_cut(
    place: str, put: Callable[[netCDF4.Dataset, str], None], length: int, tmp_path: Path
) -> None:
    text = ("x" + LETTERS.replace("\x00", "") * length)[:length]
    path = raw_netcdf(tmp_path / "a.nc", VALUES, grid_mapping="crs")
    with netCDF4.Dataset(path, "a") as dataset:
        dataset.createVariable("crs", "i4").grid_mapping_name = "latitude_longitude"
        for name in ("y", "x"):
            dataset.createVariable(name, "f8", (name,))[:] = np.arange(16)
        put(dataset, text)
    answer = asked(path, "grid", tmp_path)
    if place == "field:standard_name":
        assert "result" in answer or len(answer["error"]["message"]) < MOST
    else:
        check(answer, place)


def test_names_of_many_variables_are_cut(tmp_path: Path) -> None:
    path = raw_netcdf(tmp_path / "a.nc", VALUES, units=None)
    with netCDF4.Dataset(path, "a") as dataset:
        for index in range(100):
            dataset.createVariable("v" * 200 + str(index), "f4", ("y", "x"))
    check(asked(path, "grid", tmp_path), "names")
    check(asked(path, "grid", tmp_path, variable="w" * 200), "a variable that is not there")


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("what", "object"),
        ("what", "date"),
        ("what", "time"),
        ("where", "projdef"),
        ("where", "UL_lon"),
        ("where", "xscale"),
        ("dataset1/data1/what", "quantity"),
        ("dataset1/data1/what", "gain"),
        ("dataset1/data1/what", "nodata"),
    ],
)
def test_texts_of_odim_files_are_cut(group: str, name: str, tmp_path: Path) -> None:
    path = odim_file(tmp_path / "a.h5", np.ones((16, 16), "u1"))
    for length in (50, 6_000, 60_000):
        with h5py.File(path, "a") as file:
            file[group].attrs[name] = np.bytes_(("x" + LETTERS * length).encode()[:length])
        check(asked(path, "grid", tmp_path), (group, name))


PLACES = st.sampled_from(
    ["units", "zr", "zr.a", "times", "no_rain_dbz", "grid", "grid.units", "crs", "crs.name", "new"]
)
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200).map(lambda t: t * 50)


@settings(
    max_examples=150,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(place=PLACES, text=TEXTS)
def test_texts_of_json_are_cut(place: str, text: str, tmp_path: Path) -> None:
    axis = list(range(16))
    grid: dict[str, Any] = {"y": axis, "x": axis, "units": "m"}
    changes: dict[str, Any] = {
        "units": {"units": "?" + text},
        "zr": {"zr": text},
        "zr.a": {"zr": {"a": text, "b": 1.6}},
        "times": {"times": ["?" + text] * 10},
        "no_rain_dbz": {"no_rain_dbz": text},
        "grid": {"grid": text},
        "grid.units": {"grid": {**grid, "units": "?" + text}},
        "crs": {"grid": {**grid, "crs": {"grid_mapping_name": text}}},
        "crs.name": {"grid": {**grid, "crs": {text: text}}},
        "new": {"?" + text: text},
    }[place]
    path = tmp_path / "body.json"
    path.write_text(json.dumps({**body(), **changes}))
    check(asked(path, "json", tmp_path), place)
    path.write_text("{" + json.dumps(text) + ": 1, " + json.dumps(text) + ": 2}")
    check(asked(path, "json", tmp_path), "a name twice")
