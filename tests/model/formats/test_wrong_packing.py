"""What says how values are packed, of any type that HDF5 has: refused, and never passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from echocast.model.errors import ContractViolation
from echocast.model.formats.readers import read_frames
from tests.model.formats.radar_files import odim_file, raw_netcdf

VALUES = np.linspace(0, 55, 24).reshape(1, 4, 6)
PACKED = {"scale_factor": 0.5, "add_offset": -32.0, "_FillValue": 255}
NO_NUMBERS: dict[str, Any] = {
    "text": "half",
    "text of bytes": np.bytes_("a.5"),
    "text of a number that no type holds": "9" * 400,
    "five numbers": np.full(5, 0.5),
    "two texts": ["half", "0.25"],
    "no numbers": np.zeros(0),
    "nothing": h5py.Empty("f8"),
    "complex": np.complex128(0.5 + 1j),
    "compound": np.array((1, 0.5), dtype=[("a", "i4"), ("b", "f8")]),
    "boolean": np.bool_(True),
    "opaque": np.void(b"half"),
}
NEVER_READ_BY_NETCDF: dict[str, Any] = {"half precision": np.float16(0.5), **NO_NUMBERS}
OF_ANY_LENGTH = ("five numbers", "no numbers", "nothing")
BEYOND_NUMBERS = {"NaN": np.nan, "infinite": np.inf, "text of infinity": "1e999"}
HUGE = (1e300, 1e38, -(2**62))
NETCDF = ("scale_factor", "add_offset", "_FillValue", "missing_value", "valid_range", "valid_min")
ODIM = ("gain", "offset", "nodata", "undetect")
TEXTS = ("units", "calendar", "grid_mapping", "coordinates", "standard_name", "_Unsigned")


def netcdf_with(path: Path, name: str, value: Any, variable: str = "field") -> Path:
    raw_netcdf(path, VALUES, dtype="u1", **PACKED)
    with h5py.File(path, "a") as file:
        if name in file[variable].attrs:
            del file[variable].attrs[name]
        file[variable].attrs[name] = value
    return path


def odim_with(path: Path, name: str, value: Any) -> Path:
    odim_file(path, np.arange(24, dtype="u1").reshape(4, 6))
    with h5py.File(path, "a") as file:
        del file["dataset1/data1/what"].attrs[name]
        file["dataset1/data1/what"].attrs[name] = value
    return path


def refusal_of(path: Path) -> ContractViolation:
    with pytest.raises(ContractViolation) as caught:
        read_frames([path])
    assert str(caught.value).endswith(".")
    assert len(str(caught.value)) < 400
    return caught.value


@pytest.mark.parametrize("name", NETCDF)
def test_of_another_type_in_netcdf(name: str, tmp_path: Path) -> None:
    for kind, value in NEVER_READ_BY_NETCDF.items():
        if name == "missing_value" and kind in OF_ANY_LENGTH:
            continue
        refusal = refusal_of(netcdf_with(tmp_path / "a.nc", name, value))
        assert (refusal.rule, name in str(refusal)) == ("packing", True), (kind, refusal)


@pytest.mark.parametrize("name", ODIM)
def test_of_another_type_in_odim(name: str, tmp_path: Path) -> None:
    for kind, value in NO_NUMBERS.items():
        refusal = refusal_of(odim_with(tmp_path / "a.h5", name, value))
        assert (refusal.rule, name in str(refusal)) == ("packing", True), (kind, refusal)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_of_a_type_that_would_be_passed_over(name: str, tmp_path: Path) -> None:
    where = "time" if name == "calendar" else "field"
    path = netcdf_with(tmp_path / "a.nc", name, np.complex128(1j), where)
    assert refusal_of(path).rule == "packing"


def test_a_parameter_of_a_projection_that_would_be_passed_over(tmp_path: Path) -> None:
    path = netcdf_with(tmp_path / "a.nc", "grid_mapping", "crs")
    with h5py.File(path, "a") as file:
        mapping = file.create_dataset("crs", data=np.int32(0))
        mapping.attrs["grid_mapping_name"] = "polar_stereographic"
        mapping.attrs["straight_vertical_longitude_from_pole"] = np.float16(25)
    assert "straight_vertical_longitude_from_pole" in str(refusal_of(path))


def test_what_no_value_depends_on_may_be_of_any_type(tmp_path: Path) -> None:
    path = netcdf_with(tmp_path / "a.nc", "checked_by_hand", np.bool_(True))
    np.testing.assert_allclose(read_frames([path]).reflectivity_dbz, VALUES, atol=0.25)


@pytest.mark.parametrize("value", BEYOND_NUMBERS.values(), ids=BEYOND_NUMBERS.keys())
def test_scale_and_offset_are_finite(value: Any, tmp_path: Path) -> None:
    for name in ("scale_factor", "add_offset"):
        assert refusal_of(netcdf_with(tmp_path / name, name, value)).rule == "packing"
    for name in ("gain", "offset"):
        assert refusal_of(odim_with(tmp_path / name, name, value)).rule == "packing"


def test_a_scale_below_single_precision_is_none(tmp_path: Path) -> None:
    """All rain would be the offset: dry everywhere."""
    for path in (
        netcdf_with(tmp_path / "a.nc", "scale_factor", 5e-324),
        odim_with(tmp_path / "a.h5", "gain", 5e-324),
    ):
        assert refusal_of(path).rule == "packing"


@pytest.mark.parametrize("value", HUGE)
def test_values_that_no_radar_saw_are_refused(value: float, tmp_path: Path) -> None:
    for name in ("scale_factor", "add_offset"):
        rule = refusal_of(netcdf_with(tmp_path / name, name, value)).rule
        assert rule in ("range", "infinite-value")
    for name in ("gain", "offset"):
        assert refusal_of(odim_with(tmp_path / name, name, value)).rule in (
            "range",
            "infinite-value",
        )


@pytest.mark.parametrize("value", [np.nan, 1e300, np.inf, 2.0**62])
def test_codes_beyond_the_type_mean_no_pixel(value: float, tmp_path: Path) -> None:
    path = netcdf_with(tmp_path / "a.nc", "_FillValue", value)
    assert not np.isnan(read_frames([path]).reflectivity_dbz).any()
    odim = odim_with(tmp_path / "a.h5", "nodata", value)
    with h5py.File(odim, "a") as file:
        file["dataset1/data1/data"][0, 0] = 255  # the end of the type: missing, or the most rain?
    assert refusal_of(odim).rule == "undeclared-code"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("valid_range", [2.0, 1.0]),
        ("valid_range", [np.nan, 1.0]),
        ("valid_min", np.nan),
        ("valid_min", np.inf),
        ("valid_min", 1e300),
        ("valid_max", np.int16(-1)),
    ],
)
def test_limits_that_no_value_meets_are_refused(name: str, value: Any, tmp_path: Path) -> None:
    path = netcdf_with(tmp_path / "a.nc", name, value)
    assert refusal_of(path).rule in ("packing", "contradicting-codes")
