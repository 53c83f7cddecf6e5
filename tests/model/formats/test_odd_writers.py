"""What programs other than ours write: read as it is meant, or refused for the true reason."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest

from echocast.model.errors import ContractViolation
from echocast.model.formats.readers import read_frames
from echocast.model.formats.reading import Reading
from tests.model.formats.radar_files import odim_file, raw_netcdf, small_storm

RAW = np.arange(24 * 20, dtype=np.uint8).reshape(24, 20) % 200 + 1
Change = Callable[[Any], Any]


def changed(path: Path, change: Change) -> Path:
    """Every attribute of a file as another program would have written it."""
    with h5py.File(path, "a") as file:
        file.visititems(lambda _, item: _change(item, change))
        _change(file, change)
    return path


def _change(item: Any, change: Change) -> None:
    for name, value in list(item.attrs.items()):
        item.attrs[name] = change(value)


def is_text(value: Any) -> bool:
    return isinstance(value, bytes | str)


WRITERS: dict[str, Change] = {
    "arrays of one": lambda v: np.array([v]),
    "text of variable length": lambda v: v.decode() if isinstance(v, bytes) else v,
    "texts padded with blanks": lambda v: np.bytes_(bytes(v) + b"  ") if is_text(v) else v,
    "texts padded with zeros": lambda v: np.array(v, "S100") if is_text(v) else v,
    "numbers as text": lambda v: v if is_text(v) else np.bytes_(str(v)),
    "numbers as padded text": lambda v: v if is_text(v) else f" {v} ",
    "small floats": lambda v: v if is_text(v) or float(v) % 1 else np.float32(v),
    "integers": lambda v: v if is_text(v) or float(v) % 1 else np.int64(v),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_attributes_are_read_however_they_are_stored(writer: str, tmp_path: Path) -> None:
    plain = read_frames([odim_file(tmp_path / "plain.h5", RAW)])
    odd = read_frames([changed(odim_file(tmp_path / "odd.h5", RAW), WRITERS[writer])])
    np.testing.assert_array_equal(odd.reflectivity_dbz, plain.reflectivity_dbz)
    assert odd.times == plain.times
    assert odd.grid.same_as(plain.grid)
    assert odd.attributes == plain.attributes


@pytest.mark.parametrize(
    "value", ["twice", "1e999999", "0x10", "nan0", b"", np.array([0.5, 0.5]), np.array([], float)]
)
def test_a_number_that_is_none_is_refused(value: Any, tmp_path: Path) -> None:
    path = odim_file(tmp_path / "odd.h5", RAW)
    with h5py.File(path, "a") as file:
        file["dataset1/data1/what"].attrs["gain"] = value
    with pytest.raises(ContractViolation, match="gain"):
        read_frames([path])


def test_a_tree_without_conventions_is_odim(tmp_path: Path) -> None:
    path = odim_file(tmp_path / "odd.h5", RAW)
    plain = read_frames([path])
    with h5py.File(path, "a") as file:
        del file.attrs["Conventions"]
    np.testing.assert_array_equal(read_frames([path]).reflectivity_dbz, plain.reflectivity_dbz)


@pytest.mark.parametrize("group", ["how", "dataset1/how", "dataset1/data1/how", "what"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("simulated", "True"), ("simulated", 1), ("lead_time", 50), ("forecast_period", 5.0)],
)
def test_a_member_of_a_forecast_is_refused(
    group: str, name: str, value: Any, tmp_path: Path
) -> None:
    path = odim_file(tmp_path / "member.h5", RAW)
    with h5py.File(path, "a") as file:
        file.require_group(group).attrs[name] = value
    with pytest.raises(ContractViolation, match=r"member.h5 is a forecast") as caught:
        read_frames([path])
    assert caught.value.rule == "not-observed"


@pytest.mark.parametrize("value", ["False", 0, "0", np.bytes_("false")])
def test_what_says_that_it_is_not_simulated_is_read(value: Any, tmp_path: Path) -> None:
    path = odim_file(tmp_path / "analysis.h5", RAW)
    with h5py.File(path, "a") as file:
        file.require_group("how").attrs["simulated"] = value
    assert len(read_frames([path])) == 1


@pytest.mark.parametrize("name", ["forecast_period", "lead_time", "step of the forecast"])
def test_leads_of_a_netcdf_file_make_it_a_forecast(name: str, tmp_path: Path) -> None:
    path = raw_netcdf(tmp_path / "leads.nc", small_storm(2).reflectivity_dbz)
    with netCDF4.Dataset(path, "a") as dataset:
        lead = dataset.createVariable(name, "f8", ("time",))
        lead[:] = [0, 300]
        if " " in name:
            lead.standard_name = "forecast_period"
    with pytest.raises(ContractViolation) as caught:
        read_frames([path])
    assert caught.value.rule == "not-observed"
    with netCDF4.Dataset(path, "a") as dataset:
        dataset[name][:] = 0
    assert len(read_frames([path])) == 2  # an analysis


def layered(path: Path, ends: list[str], heights: list[float]) -> Path:
    """A composite of several data sets; the values of each are those of RAW plus its number."""
    odim_file(path, RAW)
    with h5py.File(path, "a") as file:
        for number, (end, height) in enumerate(zip(ends, heights, strict=True), 1):
            if number > 1:
                file.copy(file["dataset1"], f"dataset{number}")
                file[f"dataset{number}/data1/data"][...] = RAW + number - 1
            what = file[f"dataset{number}"].require_group("what")
            words = {"product": "PCAPPI", "enddate": "20260701", "endtime": end}
            what.attrs.update({k: np.bytes_(v) for k, v in words.items()})
            what.attrs["prodpar"] = height
    return path


def test_data_sets_with_the_newest_first_are_put_in_order(tmp_path: Path) -> None:
    frames = read_frames([layered(tmp_path / "odd.h5", ["120500", "120000"], [0, 0])])
    assert [f"{time:%H:%M}" for time in frames.times] == ["12:00", "12:05"]
    np.testing.assert_allclose(frames.reflectivity_dbz[0], (RAW + 1) * 0.5 - 32)
    np.testing.assert_allclose(frames.reflectivity_dbz[1], RAW * 0.5 - 32)


def test_of_several_heights_the_sender_names_one(tmp_path: Path) -> None:
    path = layered(tmp_path / "heights.h5", ["120000", "120000"], [1000, 3000])
    with pytest.raises(ContractViolation, match=r"dataset2/data1 \(PCAPPI 3000\)") as caught:
        read_frames([path])
    assert caught.value.rule == "variable-ambiguous"
    chosen = read_frames([path], Reading("dataset2/data1"))
    np.testing.assert_allclose(chosen.reflectivity_dbz[0], (RAW + 1) * 0.5 - 32)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_floats_without_gain_and_offset_are_values(dtype: str, tmp_path: Path) -> None:
    path = odim_file(tmp_path / "floats.h5", RAW.astype(dtype) / 4)
    with h5py.File(path, "a") as file:
        what = file["dataset1/data1/what"].attrs
        what.update({"nodata": -9999.0, "undetect": -8888.0})
        del what["gain"], what["offset"]
    np.testing.assert_allclose(read_frames([path]).reflectivity_dbz[0], RAW / 4)


def test_counts_without_gain_are_refused(tmp_path: Path) -> None:
    path = odim_file(tmp_path / "counts.h5", RAW)
    with h5py.File(path, "a") as file:
        del file["dataset1/data1/what"].attrs["gain"]
    with pytest.raises(ContractViolation, match="gain"):
        read_frames([path])


def test_a_netcdf_file_with_the_newest_frame_first_is_refused(tmp_path: Path) -> None:
    values = small_storm(4).reflectivity_dbz
    turned = raw_netcdf(tmp_path / "turned.nc", values[::-1], times=np.arange(4)[::-1] * 5.0)
    with pytest.raises(ContractViolation, match=r"in the order of their times") as caught:
        read_frames([turned])
    assert caught.value.rule == "time-order"


def test_a_field_in_a_group_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "grouped.nc"
    with netCDF4.Dataset(path, "w") as dataset:
        group = dataset.createGroup("radar").createGroup("product")
        for name, size in (("time", 2), ("y", 20), ("x", 20)):
            group.createDimension(name, size)
        group.createVariable("rain", "f4", ("time", "y", "x")).units = "dBZ"
    with pytest.raises(
        ContractViolation, match=r"group 'radar/product', but only the root"
    ) as caught:
        read_frames([path])
    assert caught.value.rule == "variable-missing"
