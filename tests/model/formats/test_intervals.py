"""Rates and amounts over an interval: valid at its end, and amounts of at most 15 minutes rates."""

from datetime import UTC, datetime, timedelta

import h5py
import netCDF4
import numpy as np
import pytest

from echocast.model.errors import ContractViolation
from echocast.model.formats.netcdf.reader import read_netcdf
from echocast.model.formats.odim.reader import read_odim
from echocast.model.formats.readers import read_frames, read_header
from echocast.model.reflectivity import ZR
from tests.model.formats.radar_files import odim_file, odim_span, raw_netcdf

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DEPTHS = np.linspace(0.1, 4, 3 * 16 * 16).reshape(3, 16, 16)  # mm


def dbz(rate_mm_h):
    """Marshall and Palmer, written a second time."""
    return 10 * np.log10(200 * np.asarray(rate_mm_h) ** 1.6)


def netcdf(
    folder, starts=None, ends=None, *, stamps=(0, 5, 10), name="rain.nc", values=DEPTHS, **field
):
    """A file whose times have bounds, all in minutes after noon."""
    stamps = np.asarray(stamps, float)
    path = raw_netcdf(folder / name, values[: len(stamps)], times=stamps, **field)
    if starts is not None:
        with netCDF4.Dataset(path, "a") as dataset:
            dataset.createDimension("nv", 2)
            dataset["time"].bounds = "time_bounds"
            bounds = dataset.createVariable("time_bounds", "f8", ("time", "nv"))
            bounds[:] = np.stack([starts, ends], axis=1)
    return path


def odim(folder, quantity, start, end, *, nominal="120500", name="odim.h5"):
    """An ODIM file of 2 mm or mm/h, with start and end of its data on 1 July 2026."""
    raw = np.full((16, 16), 4, np.uint8)
    path = odim_file(
        folder / name, raw, quantity=quantity, gain=0.5, offset=0.0, time=nominal, what_in="dataset"
    )
    return odim_span(path, start, end)


@pytest.mark.parametrize("minutes", [1, 2, 5, 10, 15])
@pytest.mark.parametrize(
    ("units", "name", "millimetres"),
    [
        ("mm", None, 1),
        ("0.01 mm", None, 0.01),
        ("kg m-2", "rainfall_amount", 1),
        ("kg m-2", "precipitation_amount", 1),
        ("m", "lwe_thickness_of_precipitation_amount", 1000),
        ("mm", "rainfall_rate", 1),  # a common mistake: the unit decides
    ],
)
def test_amounts_over_known_bounds_are_rates(tmp_path, units, name, millimetres, minutes) -> None:
    attributes = {} if name is None else {"standard_name": name}
    ends = np.arange(3) * minutes
    path = netcdf(
        tmp_path,
        ends - minutes,
        ends,
        stamps=ends,
        values=DEPTHS / millimetres,
        units=units,
        dtype="f8",
        **attributes,
    )
    frames = read_netcdf(path)
    np.testing.assert_allclose(frames.reflectivity_dbz, dbz(DEPTHS * 60 / minutes), atol=1e-4)
    assert frames.times == tuple(NOON + k * minutes * MINUTE for k in range(3))
    assert f"over {minutes} minutes" in frames.notes["interval"]
    assert read_header(path)[:2] == (frames.times, "mm/h")


@pytest.mark.parametrize(
    ("shift", "words"), [(0, "at the start of"), (2.5, "within"), (4, "within"), (5, None)]
)
@pytest.mark.parametrize("units", ["mm/h", "mm"])
def test_the_end_of_the_interval_is_the_valid_time(tmp_path, units, shift, words) -> None:
    starts = np.array([-5.0, 0, 5])
    frames = read_netcdf(netcdf(tmp_path, starts, starts + 5, stamps=starts + shift, units=units))
    assert frames.times == (NOON, NOON + 5 * MINUTE, NOON + 10 * MINUTE)
    assert (words or "") in frames.notes.get("time", "")
    assert ("time" in frames.notes) == (words is not None)


def test_reflectivity_and_momentary_rates_keep_their_times(tmp_path) -> None:
    starts = np.array([0.0, 5, 10])
    moments = {"units": "mm/h", "cell_methods": "time: point"}
    for attributes in ({"units": "dBZ"}, moments):
        frames = read_netcdf(netcdf(tmp_path, starts, starts + 5, **attributes))
        assert frames.times[0] == NOON
        assert set(frames.notes) <= {"zr"}


def test_each_amount_has_its_own_interval(tmp_path) -> None:
    path = netcdf(tmp_path, [-5, 0, 5], [0, 5, 15], stamps=[0, 5, 15], units="mm")
    right = dbz(DEPTHS * np.array([12, 12, 6])[:, None, None])
    np.testing.assert_allclose(read_netcdf(path).reflectivity_dbz, right, atol=1e-4)
    later = read_netcdf(path, time_slice=slice(1, 3))
    np.testing.assert_allclose(later.reflectivity_dbz, right[1:], atol=1e-4)
    assert later.times == (NOON + 5 * MINUTE, NOON + 15 * MINUTE)


@pytest.mark.parametrize("minutes", [16, 30, 60, 1440])
def test_long_amounts_are_refused(tmp_path, minutes: int) -> None:
    ends = np.array([0.0, 5, 10])
    words = rf"'field' of rain\.nc holds amounts of rain over {minutes} minutes; .* 15 minutes"
    with pytest.raises(ContractViolation, match=words) as caught:
        read_netcdf(netcdf(tmp_path, ends - minutes, ends, units="mm"))
    assert caught.value.rule == "amount-interval"


@pytest.mark.parametrize(
    "attributes",
    [
        {"units": "mm"},
        {"units": "kg m-2", "standard_name": "rainfall_amount"},
        {"units": "mm", "cell_methods": "time: sum"},
        {"units": "mm", "cell_methods": "time: sum (interval: 1 minute)"},  # its steps are five
        {"units": "mm", "cell_methods": "area: mean (interval: 5 minutes)"},
        {"units": "mm", "long_name": "rain of 5 minutes"},
    ],
)
def test_amounts_over_an_unknown_interval_are_refused(tmp_path, attributes) -> None:
    with pytest.raises(ContractViolation, match="not over what interval") as caught:
        read_netcdf(netcdf(tmp_path, **attributes))
    assert caught.value.rule == "amount-interval"


@pytest.mark.parametrize(
    "methods", ["time: sum (interval: 5 minutes)", "area: mean time: sum (interval: 300 s)"]
)
def test_cell_methods_name_the_interval_where_frames_follow_in_it(tmp_path, methods) -> None:
    path = netcdf(tmp_path, units="mm", cell_methods=methods)
    np.testing.assert_allclose(read_netcdf(path).reflectivity_dbz, dbz(DEPTHS * 12), atol=1e-4)
    alone = netcdf(tmp_path, stamps=[0], name="one.nc", units="mm", cell_methods=methods)
    with pytest.raises(ContractViolation, match="not over what interval"):
        read_netcdf(alone)  # the interval of the original data, CF says: perhaps of several sums


@pytest.mark.parametrize(
    ("units", "per_hour"),
    [
        ("mm/5min", 12),
        ("0.01 mm/5min", 0.12),
        ("kg m-2/10min", 6),
        ("mm/15 min", 4),
        ("mm/1min", 60),
    ],
)
def test_the_unit_may_name_the_interval(tmp_path, units: str, per_hour: float) -> None:
    frames = read_netcdf(netcdf(tmp_path, units=units))
    np.testing.assert_allclose(frames.reflectivity_dbz, dbz(DEPTHS * per_hour), atol=1e-4)
    assert {"units", "interval"} <= set(frames.notes)


@pytest.mark.parametrize("units", ["mm/30min", "mm/1h", "mm/24 h", "kg m-2/60min"])
def test_a_unit_of_long_amounts_is_refused(tmp_path, units: str) -> None:
    with pytest.raises(ContractViolation, match="at most 15 minutes") as caught:
        read_netcdf(netcdf(tmp_path, units=units))
    assert caught.value.rule == "amount-interval"


def test_a_unit_that_contradicts_the_bounds_is_refused(tmp_path) -> None:
    ends = np.array([0.0, 10, 20])
    with pytest.raises(
        ContractViolation, match=r"contradicts itself.* 5 minutes.*has 10"
    ) as caught:
        read_netcdf(netcdf(tmp_path, ends - 10, ends, stamps=ends, units="mm/5min"))
    assert caught.value.rule == "amount-interval"


@pytest.mark.parametrize("shift", [-1, 6])
def test_a_time_outside_of_its_bounds_is_refused(tmp_path, shift: float) -> None:
    starts = np.array([0.0, 5, 10])
    with pytest.raises(ContractViolation, match="within its bounds") as caught:
        read_netcdf(netcdf(tmp_path, starts, starts + 5, stamps=starts + shift, units="mm/h"))
    assert caught.value.rule == "time-bounds"


def test_bounds_of_another_shape_are_refused(tmp_path) -> None:
    path = netcdf(tmp_path, units="mm/h")
    with netCDF4.Dataset(path, "a") as dataset:
        dataset["time"].bounds = "field"
    with pytest.raises(ContractViolation, match="two values for each") as caught:
        read_netcdf(path)
    assert caught.value.rule == "time-bounds"


def test_long_means_are_read_and_called_so(tmp_path) -> None:
    ends = np.array([0.0, 30, 60])
    frames = read_netcdf(netcdf(tmp_path, ends - 30, ends, stamps=ends, units="mm/h"))
    np.testing.assert_allclose(frames.reflectivity_dbz, dbz(DEPTHS), atol=1e-4)
    assert frames.notes["interval"] == "The rates are means over 30 minutes."


def test_a_start_time_beside_the_valid_time(tmp_path) -> None:
    path = tmp_path / "prcp.nc"
    with netCDF4.Dataset(path, "w") as dataset:
        for name in ("y", "x"):
            dataset.createDimension(name, 16)
        for name, minutes in (("valid_time", 10), ("start_time", 0)):
            clock = dataset.createVariable(name, "i8")
            clock.units = "seconds since 1970-01-01 00:00:00 UTC"
            clock[...] = int(NOON.timestamp()) + 60 * minutes
        dataset["valid_time"].standard_name = "time"
        rain = dataset.createVariable("precipitation", "f4", ("y", "x"))
        rain.setncatts({"units": "kg m-2", "standard_name": "precipitation_amount"})
        rain[:] = 2.0
    frames = read_netcdf(path)
    assert frames.times == (NOON + 10 * MINUTE,)
    np.testing.assert_allclose(frames.reflectivity_dbz, dbz(12.0), atol=1e-4)


def test_a_scalar_time_with_bounds(tmp_path) -> None:
    path = tmp_path / "one.nc"
    with netCDF4.Dataset(path, "w") as dataset:
        for name, size in (("y", 16), ("x", 16), ("nv", 2)):
            dataset.createDimension(name, size)
        clock = dataset.createVariable("time", "f8")
        clock.setncatts({"units": "minutes since 2026-07-01 14:00 +2:00", "bounds": "edges"})
        clock[...] = 0
        dataset.createVariable("edges", "f8", ("nv",))[:] = [5, 0]  # the wrong way round
        rain = dataset.createVariable("rain", "f4", ("y", "x"))
        rain.units = "mm"
        rain[:] = 2.0
    frames = read_netcdf(path)
    assert frames.times == (NOON + 5 * MINUTE,)
    np.testing.assert_allclose(frames.reflectivity_dbz, dbz(24.0), atol=1e-4)


def test_rates_are_preferred_to_amounts(tmp_path) -> None:
    path = netcdf(tmp_path, units="mm")
    with netCDF4.Dataset(path, "a") as dataset:
        rate = dataset.createVariable("rate", "f4", ("time", "y", "x"))
        rate.units = "mm/h"
        rate[:] = 3.0
    np.testing.assert_allclose(read_netcdf(path).reflectivity_dbz, dbz(3.0), atol=1e-4)


@pytest.mark.parametrize(
    ("start", "hours"), [("120000", 1 / 12), ("115500", 1 / 6), ("1150", 0.25)]
)
def test_odim_amounts_are_rates_over_start_and_end(tmp_path, start: str, hours: float) -> None:
    path = odim(tmp_path, "ACRR", start, "120500")
    frames = read_odim(path)
    np.testing.assert_allclose(frames.reflectivity_dbz, dbz(2 / hours), atol=1e-4)
    assert frames.times == (NOON + 5 * MINUTE,)
    assert frames.attributes["original_quantity"] == "ODIM_H5 ACRR"
    assert set(frames.notes) == {"interval", "zr"}
    assert read_header(path)[:2] == (frames.times, "mm/h")


@pytest.mark.parametrize(
    ("start", "words"),
    [("110500", "over 60 minutes"), ("120500", "what interval"), (None, "what interval")],
)
def test_odim_amounts_over_long_or_unknown_intervals_are_refused(tmp_path, start, words) -> None:
    with pytest.raises(ContractViolation, match=words) as caught:
        read_odim(odim(tmp_path, "ACRR", start, "120500"))
    assert caught.value.rule == "amount-interval"


@pytest.mark.parametrize("quantity", ["RATE", "ACRR"])
@pytest.mark.parametrize(
    ("nominal", "moved"), [("120000", True), ("120230", True), ("120500", False)]
)
def test_the_end_of_odim_rain_is_its_valid_time(tmp_path, quantity, nominal, moved) -> None:
    frames = read_odim(odim(tmp_path, quantity, "120000", "120500", nominal=nominal))
    assert frames.times == (NOON + 5 * MINUTE,)
    assert ("moved to the ends" in frames.notes.get("time", "")) == moved


def test_rates_of_opera_are_those_of_the_nominal_time(tmp_path) -> None:
    frames = read_odim(odim(tmp_path, "RATE", "115500", "121000"))  # 10 before, 5 minutes after
    assert frames.times == (NOON + 5 * MINUTE,)
    assert "nominal time, although the data go on for 5 minutes" in frames.notes["time"]


def test_reflectivity_keeps_its_nominal_time(tmp_path) -> None:
    frames = read_odim(odim(tmp_path, "DBZH", "120500", "121000"))
    assert frames.times == (NOON + 5 * MINUTE,)
    assert frames.notes == {}


def test_an_interval_of_words_concerns_rain_only(tmp_path) -> None:
    assert read_odim(odim(tmp_path, "DBZH", "noon", "120500")).times == (NOON + 5 * MINUTE,)
    with pytest.raises(ContractViolation, match="'noon'") as caught:
        read_odim(odim(tmp_path, "RATE", "noon", "120500"))
    assert caught.value.rule == "time-units"


def test_several_amounts_in_one_odim_file(tmp_path) -> None:
    path = odim(tmp_path, "ACRR", "120000", "120500")
    with h5py.File(path, "a") as file:
        file.copy("dataset1", "dataset2")
    odim_span(path, "120500", "121500", group="dataset2")
    frames = read_odim(path)
    assert frames.times == (NOON + 5 * MINUTE, NOON + 15 * MINUTE)
    right = dbz(np.array([24.0, 12.0]))[:, None, None]
    np.testing.assert_allclose(
        frames.reflectivity_dbz, np.broadcast_to(right, (2, 16, 16)), atol=1e-4
    )


@pytest.mark.parametrize("quantity", ["RATE", "ACRR", "DBZH"])
def test_data_that_begin_after_the_nominal_time_are_a_forecast(tmp_path, quantity: str) -> None:
    with pytest.raises(ContractViolation, match=r"odim\.h5 is a forecast") as caught:
        read_odim(odim(tmp_path, quantity, "121000", "121500"))
    assert caught.value.rule == "not-observed"


def test_files_with_one_peculiarity_say_it_once(tmp_path) -> None:
    paths = [
        odim(
            tmp_path,
            "ACRR",
            f"12{k:02d}00",
            f"12{k + 5:02d}00",
            nominal=f"12{k:02d}00",
            name=f"{k}.h5",
        )
        for k in (0, 5, 10)
    ]
    frames = read_frames(paths)
    assert frames.times == tuple(NOON + k * MINUTE for k in (5, 10, 15))
    assert frames.notes["time"].count("moved to the ends") == 1
    np.testing.assert_allclose(frames.reflectivity_dbz, ZR().reflectivity_dbz(24.0))
