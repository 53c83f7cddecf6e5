import h5py
import numpy as np
import pytest

from echocast.model.contract import InputContract
from echocast.model.errors import (
    ContractViolation,
    InputTooLarge,
    UnreadableInput,
    UnsupportedInput,
)
from echocast.model.formats.readers import read_frames
from echocast.model.formats.reading import Reading
from echocast.model.reflectivity import ZR
from tests.model.formats.radar_files import odim_file

RAW = np.arange(4 * 6, dtype="u1").reshape(4, 6) * 5  # 0 is undetect
RAW[3, 5] = 255  # nodata


def rule_of(path, reading=None) -> str:
    with pytest.raises(ContractViolation) as caught:
        read_frames([path], reading)
    return caught.value.rule


@pytest.mark.parametrize("what_in", ["data", "dataset"])
def test_reflectivity_wherever_its_quantity_sits(tmp_path, what_in):
    frames = read_frames([odim_file(tmp_path / "a.h5", RAW, what_in=what_in)])
    values = frames.reflectivity_dbz[0]
    assert values[1, 2] == RAW[1, 2] * 0.5 - 32
    assert values[0, 0] == frames.no_rain_dbz == -32
    assert np.isnan(values[3, 5])
    assert frames.missing.sum() == 1
    assert frames.times[0].isoformat() == "2026-07-01T12:00:00+00:00"


def test_rain_rates_become_reflectivity(tmp_path):
    path = odim_file(tmp_path / "a.h5", RAW.astype("f8"), quantity="RATE", gain=1.0, offset=0.0)
    frames = read_frames([path])
    assert frames.reflectivity_dbz[0, 1, 1] == ZR().reflectivity_dbz(float(RAW[1, 1]))
    assert frames.reflectivity_dbz[0, 0, 0] == frames.no_rain_dbz == -32
    assert frames.attributes["zr_a"] == "200.0"
    assert frames.attributes["original_quantity"] == "ODIM_H5 RATE"


def test_pixel_centres_lie_half_a_pixel_inside_the_corners(tmp_path):
    grid = read_frames([odim_file(tmp_path / "a.h5", RAW)]).grid
    np.testing.assert_allclose(grid.x, 1000 + 2000 * np.arange(6), atol=1e-3)
    np.testing.assert_allclose(grid.y, -1000 - 2000 * np.arange(4), atol=1e-3)
    assert grid.units == "m"
    assert grid.crs["grid_mapping_name"] == "lambert_azimuthal_equal_area"


def test_without_pixel_size_the_corners_suffice(tmp_path):
    grid = read_frames([odim_file(tmp_path / "a.h5", RAW, xscale=None, yscale=None)]).grid
    np.testing.assert_allclose(grid.x, 1000 + 2000 * np.arange(6), atol=1e-3)


def test_without_projection_there_are_pixels(tmp_path):
    assert read_frames([odim_file(tmp_path / "a.h5", RAW, projdef=None)]).grid.units == "1"


def test_longitude_and_latitude(tmp_path):
    path = odim_file(
        tmp_path / "a.h5",
        RAW,
        projdef=np.bytes_("+proj=longlat +datum=WGS84"),
        UL_lon=5.0,
        UL_lat=50.0,
        LR_lon=5.6,
        LR_lat=49.6,
        xscale=0.1,
        yscale=0.1,
    )
    grid = read_frames([path]).grid
    assert grid.units == "degree"
    np.testing.assert_allclose(grid.y, [49.95, 49.85, 49.75, 49.65])


def test_a_projection_in_kilometres(tmp_path):
    projdef = np.bytes_(
        "+proj=laea +lat_0=55 +lon_0=10 +x_0=1950000 +y_0=-2100000 +ellps=WGS84 +units=km"
    )
    grid = read_frames([odim_file(tmp_path / "a.h5", RAW, projdef=projdef)]).grid
    assert grid.units == "km"
    np.testing.assert_allclose(grid.x, 1 + 2 * np.arange(6), atol=1e-5)


def test_corners_that_contradict_the_pixel_size_are_refused(tmp_path):
    assert rule_of(odim_file(tmp_path / "a.h5", RAW, xscale=500.0)) == "grid"


def test_corners_upside_down_are_refused(tmp_path):
    assert rule_of(odim_file(tmp_path / "a.h5", RAW, UL_lat=20.0)) == "grid"


def test_an_unknown_projection_is_refused(tmp_path):
    assert rule_of(odim_file(tmp_path / "a.h5", RAW, projdef=np.bytes_("flat"))) == "grid"


def test_other_quantities_are_refused(tmp_path):
    path = odim_file(tmp_path / "a.h5", RAW, quantity="VRADH")
    assert rule_of(path) == "variable-missing"
    assert rule_of(path, Reading("VRADH")) == "units"


def test_a_scan_is_no_composite(tmp_path):
    path = odim_file(tmp_path / "a.h5", RAW)
    with h5py.File(path, "a") as file:
        file["what"].attrs["object"] = np.bytes_("SCAN")
    with pytest.raises(UnsupportedInput, match=r"but a\.h5 is 'SCAN'") as caught:
        read_frames([path])
    assert caught.value.rule == "odim-object"


def test_a_bad_time_is_refused(tmp_path):
    assert rule_of(odim_file(tmp_path / "a.h5", RAW, time="noon")) == "time-units"


def test_data_without_gain_are_refused(tmp_path):
    path = odim_file(tmp_path / "a.h5", RAW)
    with h5py.File(path, "a") as file:
        del file["dataset1/data1/what"].attrs["gain"]
    assert rule_of(path) == "odim-attribute"


def test_data_of_objects_are_refused(tmp_path):
    path = odim_file(tmp_path / "a.h5", RAW)
    with h5py.File(path, "a") as file:
        del file["dataset1/data1/data"]
        file["dataset1/data1"].create_dataset("data", (4, 6), dtype=h5py.string_dtype())
    assert rule_of(path) == "data-type"


def second_dataset(path, endtimes, shape=(4, 6)):
    with h5py.File(path, "a") as file:
        file.copy("dataset1", "dataset2")
        del file["dataset2/data1/data"]
        file["dataset2/data1/data"] = np.full(shape, 100, "u1")
        for number, time in enumerate(endtimes, start=1):
            what = file.require_group(f"dataset{number}/what")
            what.attrs.update({"enddate": np.bytes_("20260701"), "endtime": np.bytes_(time)})
    return path


def test_many_times_in_one_file(tmp_path):
    path = second_dataset(odim_file(tmp_path / "a.h5", RAW), ("120000", "121500"))
    frames = read_frames([path])
    assert frames.step.total_seconds() == 900
    assert (frames.reflectivity_dbz[1] == 18).all()


def test_shapes_in_one_file_must_agree(tmp_path):
    path = second_dataset(odim_file(tmp_path / "a.h5", RAW), ("120000", "121500"), (5, 6))
    assert rule_of(path) == "shape"


def test_a_small_file_that_claims_gigabytes_is_refused(tmp_path):
    path = odim_file(tmp_path / "a.h5", RAW)
    with h5py.File(path, "a") as file:
        del file["dataset1/data1/data"]
        file["dataset1/data1"].create_dataset("data", (8000, 4000), "f8", chunks=(512, 512))
    with pytest.raises(InputTooLarge):
        read_frames([path], contract=InputContract(maximum_frame_pixels=1_000_000))
    with h5py.File(path, "a") as file:
        del file["dataset1/data1/data"]
        file["dataset1/data1"].create_dataset("data", (8192, 8192), "f8", chunks=(512, 512))
    with pytest.raises(InputTooLarge, match="pixels a frame"):
        read_frames([path])


def test_a_truncated_file_is_unreadable(tmp_path):
    path = odim_file(tmp_path / "a.h5", RAW)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(UnreadableInput):
        read_frames([path])


@pytest.mark.parametrize("value", ["half", np.bytes_("a.5"), np.full(5, 0.5), np.zeros(0)])
@pytest.mark.parametrize("name", ["gain", "offset", "nodata", "undetect"])
def test_packing_of_another_type_is_refused(tmp_path, name, value):
    path = odim_file(tmp_path / "a.h5", RAW)
    with h5py.File(path, "a") as file:
        file["dataset1/data1/what"].attrs[name] = value
    assert rule_of(path) == "packing"


@pytest.mark.parametrize("name", ["UL_lon", "LR_lat", "xscale"])
def test_places_that_are_no_numbers_are_refused(tmp_path, name):
    assert rule_of(odim_file(tmp_path / "a.h5", RAW, **{name: np.bytes_("5 km")})) == "packing"
