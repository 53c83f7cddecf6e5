import contextlib

import h5py
import netCDF4
import numpy as np
import pytest
import xarray as xr

from echocast.model.contract import InputContract
from echocast.model.errors import ContractViolation, InputTooLarge, UnreadableInput
from echocast.model.formats.forecast_writer import write_forecast, write_frames
from echocast.model.formats.netcdf.reader import read_netcdf
from echocast.model.formats.readers import read_frames
from echocast.model.reflectivity import ZR
from tests.model.formats.radar_files import (
    PROJECTIONS,
    forecast_of,
    on_grid,
    projected_grid,
    raw_netcdf,
    small_storm,
)

VALUES = np.linspace(0, 55, 2 * 4 * 6).reshape(2, 4, 6).astype("f4")


def rule_of(call, *arguments, **named) -> str:
    with pytest.raises(ContractViolation) as caught:
        call(*arguments, **named)
    assert str(caught.value).endswith(".")
    return caught.value.rule


def edited(path, change):
    with netCDF4.Dataset(str(path), "a") as dataset:
        change(dataset)
    return path


def test_bare_reflectivity_becomes_frames_on_pixels(tmp_path):
    frames = read_netcdf(raw_netcdf(tmp_path / "a.nc", VALUES))
    np.testing.assert_array_equal(frames.reflectivity_dbz, VALUES)
    assert [time.isoformat() for time in frames.times] == [
        "2026-07-01T12:00:00+00:00",
        "2026-07-01T12:05:00+00:00",
    ]
    assert frames.grid.units == "1"
    assert frames.no_rain_dbz == 0


def test_packed_values_are_unpacked_and_fill_is_missing(tmp_path):
    path = raw_netcdf(
        tmp_path / "a.nc",
        np.ma.masked_equal(VALUES, VALUES[0, 1, 1]),
        dtype="u1",
        scale_factor=0.5,
        add_offset=-32.0,
        _FillValue=255,
    )
    frames = read_netcdf(path)
    assert frames.missing.sum() == 1
    assert frames.missing[0, 1, 1]
    np.testing.assert_allclose(
        np.nan_to_num(frames.reflectivity_dbz), np.where(frames.missing, 0, VALUES), atol=0.2501
    )


@pytest.mark.parametrize(("declared", "floor"), [(-19.56228, -19.56228), (-999.0, -32.0)])
def test_the_declared_no_rain_value_is_the_floor(tmp_path, declared, floor):
    values = VALUES.copy()
    values[0, 0] = declared
    frames = read_netcdf(raw_netcdf(tmp_path / "a.nc", values, no_rain_value=declared))
    assert frames.no_rain_dbz == pytest.approx(floor)
    assert (frames.reflectivity_dbz[0, 0] == np.float32(frames.no_rain_dbz)).all()


@pytest.mark.parametrize(
    "limits", [{"valid_range": [0.0, 80.0]}, {"valid_min": -10.0}, {"valid_max": -20.0}]
)
def test_a_floor_that_counts_as_missing_is_refused(tmp_path, limits):
    limits = {name: np.float32(bounds) for name, bounds in limits.items()}
    path = raw_netcdf(tmp_path / "a.nc", VALUES, no_rain_value=-19.56, **limits)
    assert rule_of(read_netcdf, path) == "no-rain-value"


def test_limits_of_packed_values_are_unpacked_like_them(tmp_path):
    packed = {"scale_factor": 0.5, "add_offset": -32.0, "valid_range": np.uint8([0, 200])}
    path = raw_netcdf(tmp_path / "a.nc", VALUES, dtype="u1", no_rain_value=-32.0, **packed)
    assert read_netcdf(path).no_rain_dbz == -32


def test_a_floor_of_words_is_refused(tmp_path):
    path = raw_netcdf(tmp_path / "a.nc", VALUES, no_rain_value="none")
    assert rule_of(read_netcdf, path) == "no-rain-value"


def test_without_declaration_the_lowest_echo_is_the_floor(tmp_path):
    assert read_netcdf(raw_netcdf(tmp_path / "a.nc", VALUES - 30)).no_rain_dbz == -30


def test_rain_rates_go_through_the_files_own_relation(tmp_path):
    path = raw_netcdf(tmp_path / "a.nc", VALUES, units="mm/h", zr_a=316.0, zr_b=1.5)
    frames = read_netcdf(path)
    np.testing.assert_allclose(frames.reflectivity_dbz, ZR(316, 1.5).reflectivity_dbz(VALUES))
    assert frames.no_rain_dbz == -32
    assert frames.attributes == {"zr_a": "316.0", "zr_b": "1.5"}


@pytest.mark.parametrize(
    ("units", "factor"), [("mm h-1", 1), ("kg m-2 s-1", 3600), ("m s-1", 3.6e6)]
)
def test_rain_rate_units_are_known(tmp_path, units, factor):
    path = raw_netcdf(
        tmp_path / "a.nc", VALUES / factor, units=units, standard_name="rainfall_rate"
    )
    np.testing.assert_allclose(
        read_netcdf(path).reflectivity_dbz, ZR().reflectivity_dbz(VALUES), atol=1e-3
    )


def test_wind_in_metres_a_second_is_no_rain(tmp_path):
    path = raw_netcdf(tmp_path / "a.nc", VALUES, units="m s-1")
    assert rule_of(read_netcdf, path) == "variable-missing"


def test_the_standard_name_decides_before_units(tmp_path):
    def add(dataset):
        expected = dataset.createVariable("wanted", "f4", ("time", "y", "x"))
        expected.setncatts({"units": "dBZ", "standard_name": "equivalent_reflectivity_factor"})
        expected[:] = 7

    path = edited(raw_netcdf(tmp_path / "a.nc", VALUES), add)
    assert (read_netcdf(path).reflectivity_dbz == 7).all()
    assert read_netcdf(path, variable="field").reflectivity_dbz.max() == 55


def test_two_fields_of_the_same_kind_must_be_told_apart(tmp_path):
    def add(dataset):
        dataset.createVariable("other", "f4", ("time", "y", "x")).units = "dBZ"

    path = edited(raw_netcdf(tmp_path / "a.nc", VALUES), add)
    assert rule_of(read_netcdf, path) == "variable-ambiguous"


@pytest.mark.parametrize("variable", [None, "field"])
def test_no_units_are_refused(tmp_path, variable):
    path = raw_netcdf(tmp_path / "a.nc", VALUES, units=None)
    assert rule_of(read_netcdf, path, variable=variable) == "units-missing"


def test_other_units_are_refused(tmp_path):
    path = raw_netcdf(tmp_path / "a.nc", VALUES, units="K")
    assert rule_of(read_netcdf, path) == "variable-missing"
    assert rule_of(read_netcdf, path, variable="field") == "units"


def test_a_variable_that_is_not_there_is_named(tmp_path):
    path = raw_netcdf(tmp_path / "a.nc", VALUES)
    with pytest.raises(ContractViolation, match="no variable 'rain'; it has time, field") as caught:
        read_netcdf(path, variable="rain")
    assert caught.value.rule == "variable-missing"


def test_text_is_refused(tmp_path):
    def add(dataset):
        dataset.createVariable("words", str, ("time", "y", "x")).units = "dBZ"

    path = edited(raw_netcdf(tmp_path / "a.nc", VALUES, units=None), add)
    assert rule_of(read_netcdf, path) == "data-type"


def test_ragged_arrays_are_refused(tmp_path):
    def add(dataset):
        ragged = dataset.createVLType(np.float32, "ragged")
        dataset.createVariable("vlen", ragged, ("y", "x")).units = "dBZ"

    path = edited(raw_netcdf(tmp_path / "a.nc", VALUES, units=None), add)
    assert rule_of(read_netcdf, path) == "data-type"


def test_a_scalar_time_makes_one_frame(tmp_path):
    dataset = xr.Dataset(
        {"rain": (("y", "x"), VALUES[0], {"units": "mm/h"})},
        coords={
            "valid_time": (
                (),
                np.datetime64("2026-07-01T12:00:00", "ns"),
                {"standard_name": "time"},
            )
        },
    )
    dataset.to_netcdf(tmp_path / "a.nc")
    frames = read_netcdf(tmp_path / "a.nc")
    assert frames.times[0].isoformat() == "2026-07-01T12:00:00+00:00"
    assert frames.reflectivity_dbz.shape == (1, 4, 6)


def test_axes_are_told_apart_by_what_they_are(tmp_path):
    x = ("x", np.arange(6.0), {"units": "km", "axis": "X"})
    y = ("y", np.arange(4.0), {"units": "km", "axis": "Y"})
    time = ("time", np.array(["2026-07-01T12", "2026-07-01T13"], dtype="datetime64[ns]"))
    field = (("x", "time", "y"), VALUES.transpose(2, 0, 1), {"units": "dBZ"})
    xr.Dataset({"field": field}, coords={"x": x, "y": y, "time": time}).to_netcdf(tmp_path / "a.nc")
    frames = read_netcdf(tmp_path / "a.nc")
    np.testing.assert_array_equal(frames.reflectivity_dbz, VALUES)
    assert frames.grid.pixel_size_km == 1


def test_a_height_of_one_level_is_no_axis(tmp_path):
    time = np.array(["2026-07-01T12", "2026-07-01T13"], dtype="datetime64[ns]")
    field = (("time", "height", "y", "x"), VALUES[:, None], {"units": "dBZ"})
    xr.Dataset({"field": field}, coords={"time": time}).to_netcdf(tmp_path / "a.nc")
    np.testing.assert_array_equal(read_netcdf(tmp_path / "a.nc").reflectivity_dbz, VALUES)


def test_a_field_of_four_dimensions_is_refused(tmp_path):
    time = np.array(["2026-07-01T12", "2026-07-01T13"], dtype="datetime64[ns]")
    field = (("time", "height", "y", "x"), np.stack([VALUES, VALUES], 1), {"units": "dBZ"})
    xr.Dataset({"field": field}, coords={"time": time}).to_netcdf(tmp_path / "a.nc")
    assert rule_of(read_netcdf, tmp_path / "a.nc") == "shape"


@pytest.mark.parametrize(
    ("units", "values"),
    [
        ("seconds since 1970-01-01 00:00:00", [1782907200, 1782907500]),
        ("seconds since 1970-01-01T00:00:00Z", [1782907200, 1782907500]),
        ("hours since 2026-07-01 14:00:00 +02:00", [0, 5 / 60]),
        ("days since 2026-07-01", [0.5, 0.5 + 5 / 1440]),
        ("milliseconds since 2026-07-01 12:00:00", [0, 300000]),
    ],
)
def test_times_in_any_cf_unit(tmp_path, units, values):
    path = raw_netcdf(tmp_path / "a.nc", VALUES, time_units=units, times=values)
    assert [time.isoformat() for time in read_netcdf(path).times] == [
        "2026-07-01T12:00:00+00:00",
        "2026-07-01T12:05:00+00:00",
    ]


@pytest.mark.parametrize("times", [[5, 0], [5, 5]])
def test_times_must_increase_in_a_file(tmp_path, times):
    assert rule_of(read_netcdf, raw_netcdf(tmp_path / "a.nc", VALUES, times=times)) == "time-order"


def test_a_missing_time_is_refused(tmp_path):
    path = raw_netcdf(tmp_path / "a.nc", VALUES, times=[0, np.nan])
    assert rule_of(read_netcdf, path) == "time-missing"


@pytest.mark.parametrize("units", ["minutes", "", "parsecs since 2026-07-01", "days since never"])
def test_times_without_a_reference_are_refused(tmp_path, units):
    path = raw_netcdf(tmp_path / "a.nc", VALUES, time_units=units)
    assert rule_of(read_netcdf, path) == "time-units"


def test_times_beyond_reason_are_refused(tmp_path):
    path = raw_netcdf(tmp_path / "a.nc", VALUES, times=[0, 1e300])
    assert rule_of(read_netcdf, path) == "time-units"


def test_calendars_without_weather_are_refused(tmp_path):
    def change(dataset):
        dataset["time"].calendar = "360_day"

    path = edited(raw_netcdf(tmp_path / "a.nc", VALUES), change)
    assert rule_of(read_netcdf, path) == "time-calendar"


def test_a_field_without_times_is_refused(tmp_path):
    xr.Dataset({"field": (("n", "y", "x"), VALUES, {"units": "dBZ"})}).to_netcdf(tmp_path / "a.nc")
    assert rule_of(read_netcdf, tmp_path / "a.nc") == "time-missing"


def test_a_file_without_frames_is_empty_of_them(tmp_path):
    path = raw_netcdf(tmp_path / "a.nc", np.zeros((0, 4, 6)), times=[])
    assert len(read_netcdf(path)) == 0


def test_infinities_are_refused(tmp_path):
    values = VALUES.copy()
    values[1, 2, 3] = np.inf
    assert rule_of(read_netcdf, raw_netcdf(tmp_path / "a.nc", values)) == "infinite-value"


@pytest.mark.parametrize("name", PROJECTIONS)
def test_every_projection_is_carried(tmp_path, name):
    frames = on_grid(small_storm(), projected_grid(name))
    write_frames(frames, tmp_path / "a.nc")
    back = read_netcdf(tmp_path / "a.nc").grid
    assert back.same_as(frames.grid)
    assert dict(back.crs) == dict(frames.grid.crs)


def test_a_projection_known_only_by_its_wkt_is_named(tmp_path):
    from pyproj import CRS

    def change(dataset):
        mapping = dataset.createVariable("spatial_ref", "i4")
        mapping.spatial_ref = CRS.from_epsg(3067).to_wkt()
        dataset["field"].grid_mapping = "spatial_ref"

    path = edited(coordinates(tmp_path, np.arange(4) * 1000, np.arange(6) * 1000), change)
    assert read_netcdf(path).grid.crs["grid_mapping_name"] == "transverse_mercator"


def coordinates(tmp_path, y, x, y_units="m", x_units="m"):
    def change(dataset):
        for name, values, units in (("y", y, y_units), ("x", x, x_units)):
            variable = dataset.createVariable(name, "f8", (name,))
            variable.units = units
            variable[:] = values

    return edited(raw_netcdf(tmp_path / "a.nc", VALUES), change)


@pytest.mark.parametrize("units", ["km", "m", "degrees", "1", "metres"])
def test_coordinates_in_any_unit(tmp_path, units):
    grid = read_netcdf(coordinates(tmp_path, np.arange(4), np.arange(6), units, units)).grid
    assert grid.units == {"degrees": "degree", "metres": "m"}.get(units, units)


def test_other_coordinate_units_are_refused(tmp_path):
    path = coordinates(tmp_path, np.arange(4), np.arange(6), "rad", "rad")
    assert rule_of(read_netcdf, path) == "grid-units"


def test_mixed_coordinate_units_are_refused(tmp_path):
    path = coordinates(tmp_path, np.arange(4), np.arange(6), "m", "km")
    assert rule_of(read_netcdf, path) == "grid-units"


@pytest.mark.parametrize("y", [[0, 1, 3, 4], [0, 1, np.nan, 3], [0, 0, 0, 0], [0, 1, 0, 1]])
def test_uneven_coordinates_are_refused(tmp_path, y):
    assert rule_of(read_netcdf, coordinates(tmp_path, y, np.arange(6))) == "grid-spacing"


def test_a_window_is_the_whole_cut_out(tmp_path):
    frames = on_grid(small_storm(), projected_grid("albers"))
    write_frames(frames, tmp_path / "a.nc")
    whole = read_netcdf(tmp_path / "a.nc")
    part = read_netcdf(
        tmp_path / "a.nc",
        time_slice=slice(3, 15, 3),
        y_slice=slice(4, 9),
        x_slice=slice(None, None, 2),
    )
    np.testing.assert_array_equal(part.reflectivity_dbz, whole.reflectivity_dbz[3:15:3, 4:9, ::2])
    assert part.times == whole.times[3:15:3]
    np.testing.assert_array_equal(part.grid.y, whole.grid.y[4:9])


def test_reading_in_blocks_equals_reading_at_once(tmp_path, monkeypatch):
    write_frames(small_storm(), tmp_path / "a.nc")
    whole = read_netcdf(tmp_path / "a.nc")
    monkeypatch.setattr("echocast.model.formats.netcdf.dataset.BLOCK_PIXELS", 1500)
    blocks = read_netcdf(tmp_path / "a.nc")
    np.testing.assert_array_equal(whole.reflectivity_dbz, blocks.reflectivity_dbz)


def claiming(path, shape):
    """A file of a few kB whose header claims a large array that was never written."""
    with netCDF4.Dataset(str(path), "w") as dataset:
        for name, size in zip(("time", "y", "x"), shape, strict=True):
            dataset.createDimension(name, size)
        field = dataset.createVariable(
            "field", "f4", ("time", "y", "x"), compression="zlib", chunksizes=(1, 512, 512)
        )
        field.units = "dBZ"
    return path


@pytest.mark.parametrize("shape", [(1000, 8192, 8192), (100, 10_000, 10_000), (20, 4000, 4000)])
def test_a_small_file_that_claims_gigabytes_is_refused_before_reading(tmp_path, shape):
    path = claiming(tmp_path / "a.nc", shape)
    assert path.stat().st_size < 20_000
    with pytest.raises(InputTooLarge, match="claims"):
        read_frames([path])


def test_a_window_of_a_large_file_is_small(tmp_path):
    path = claiming(tmp_path / "a.nc", (100, 9000, 9000))
    with pytest.raises(ContractViolation, match="no time coordinate"):
        read_netcdf(path, time_slice=slice(1), y_slice=slice(64), x_slice=slice(64))


def test_limits_are_those_of_the_contract(tmp_path):
    path = raw_netcdf(tmp_path / "a.nc", VALUES)
    with pytest.raises(InputTooLarge, match="at most 5 are allowed"):
        read_netcdf(path, contract=InputContract(maximum_side=5))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_a_truncated_file_is_unreadable(tmp_path, share):
    path = tmp_path / "a.nc"
    write_frames(small_storm(height=64, width=64), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UnreadableInput, match=r"a\.nc is damaged"):
        read_frames([path])


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bits_never_raise_anything_but_our_errors(tmp_path, seed):
    path = tmp_path / "a.nc"
    write_frames(small_storm(height=32, width=32), path)
    data = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    for place in random.integers(8, len(data), 12):
        data[place] ^= 1 << int(random.integers(8))
    path.write_bytes(bytes(data))
    with contextlib.suppress(UnreadableInput, ContractViolation, InputTooLarge):
        read_frames([path])


def test_a_forecast_is_not_taken_for_what_a_radar_observed(tmp_path):
    path = tmp_path / "forecast.nc"
    write_forecast(forecast_of(small_storm())[0], path)
    with pytest.raises(ContractViolation, match="is a forecast") as refusal:
        read_frames([path])
    assert refusal.value.rule == "not-observed"


PACKED = {"scale_factor": 0.5, "add_offset": -32.0, "_FillValue": 255}
WRONG_PACKING = [
    ("scale_factor", "half"),
    ("scale_factor", np.full(5, 0.5)),
    ("scale_factor", 0.0),
    ("scale_factor", np.nan),
    ("add_offset", "-32 dBZ"),
    ("add_offset", np.zeros(2)),
    ("add_offset", np.inf),
    ("_FillValue", "none"),
    ("_FillValue", np.array([255, 254], "u1")),
    ("missing_value", "none"),
    ("valid_min", "zero"),
    ("valid_range", np.array([0], "u1")),
    ("_Unsigned", "perhaps"),
    ("_Unsigned", 1),
]


@pytest.mark.parametrize(("name", "value"), WRONG_PACKING)
def test_packing_of_another_type_is_refused(tmp_path, name, value):
    path = raw_netcdf(tmp_path / "a.nc", VALUES, dtype="u1", **PACKED)
    with h5py.File(path, "a") as file:
        file["field"].attrs[name] = value
    assert rule_of(read_frames, [path]) == "packing"


@pytest.mark.parametrize("variable", ["time", "y"])
def test_packing_of_coordinates_is_checked_as_well(tmp_path, variable):
    path = coordinates(tmp_path, np.arange(4), np.arange(6))
    with netCDF4.Dataset(path, "a") as dataset:
        dataset[variable].scale_factor = "2"
    assert rule_of(read_frames, [path]) == "packing"


def test_packing_in_a_classic_file_is_checked_as_well(tmp_path):
    with netCDF4.Dataset(tmp_path / "c.nc", "w", format="NETCDF3_CLASSIC") as dataset:
        for name, size in (("time", 1), ("y", 4), ("x", 6)):
            dataset.createDimension(name, size)
        time = dataset.createVariable("time", "f8", ("time",))
        time.units = "minutes since 2026-07-01 12:00:00"
        time[:] = 0
        field = dataset.createVariable("field", "i2", ("time", "y", "x"))
        field.setncatts({"units": "dBZ", "scale_factor": "half"})
    assert rule_of(read_frames, [tmp_path / "c.nc"]) == "packing"
