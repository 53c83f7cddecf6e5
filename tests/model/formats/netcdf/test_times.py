"""Times: text is read to its end or refused; UDUNITS (by cf-units) judges reference dates."""

from datetime import UTC, datetime, timedelta

import cf_units
import h5py
import netCDF4
import numpy as np
import pytest

from echocast.model.errors import ContractViolation
from echocast.model.formats.netcdf.reader import read_netcdf
from echocast.model.formats.odim.reader import read_odim
from echocast.model.formats.readers import read_header
from tests.model.formats.radar_files import odim_file, raw_netcdf

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
EPOCH = "seconds since 1970-01-01 00:00:00"
DRY = np.zeros((3, 16, 16))

READ = """2026-07-01 12:00:00|2026-07-01T12:00:00Z|2026-07-01 14:00:00 +02:00
2026-07-01 06:00:00.0 -6:00|2026-07-01 14:00:00 +2|2026-07-01 14:00 2|2026-07-01 14:00:00 2:00
2026-07-01 12:00:00 UTC|2026-07-01 12:00:00 GMT|2026-07-01 12:00:00 utc|2026-07-01 12:00:00 Z
2026-07-01 14:00:00+0200|2026-07-01 14:00:00 +0200|2026-07-01T17:30:00+05:30|2026-07-01 17:30 +5:30
2026-07-01 06:00:00 -600|2026-07-01 06:00:00-6|2026-07-01 12:20 +020|2026-7-1 12:0:0|2026-7-1 12
2026-07-01 12:00|20260701T120000|20260701 12:00:00|20260701T120000 +2|20260701 120000|20260701
2026-07-01|2026-07-01 UTC|2026-07-01T|2026-07-01 2:00 UTC|2026-07-01 12:00:00 0:00
2026-07-01 12:00:00.5|2026-07-01 12:00:00.|2026-07-01  12:00:00|2026-07-01T12:00|2026-07-01 12 +2
2026-07-01 12:00:00 +2 UTC|2026-07-01 12:00:00UTC|2026-07-02 01:00 +13|2026-07-01 08:30 -0330
1900-01-01 00:00:0.0|1858-11-17 00:00:00 UTC|1970-1-1 0:0:0|2026-07-01 12:00:00 -00:00"""

REFUSED = """2026-07-01 07:00:00 EST|2026-07-01 14:00:00 GMT+2|2026-07-01 14:00:00 UTC+2
2026-07-01 14:00:00 CEST|2026-07-01 12:00:00 Etc/UTC|2026-07-01 12:00:00 (UTC)|2026-07-01 12:00 PM
2026-07-01 12:00:00 A|2026-07-01 12:00:00 garbage|2026-07-01 12:00:00 +02:00:00
2026-07-01 12:00:00 -5.5|2026-07-01 12.5|2026/07/01 12:00|2026-07-01 24:00:00
2026-07-01 12:00:00 +02 :00|2026-07-01 12:00:00 + 2|2026-07-01 12:00:00,5"""

STRICTER = """2026-02-30|2026-13-01|2026-07-01 12:00 +25|2026-07-01 12:00 +99|2026-07-01 12:00 +2:60
2026-07|2026|01-07-2026 12:00|2026-07-01 +2|2026-07-01 -6:00|0001-01-01|2026-07-01 12:00:60"""


def written(folder, units: str, values=(0.0, 300.0, 600.0), dtype: str = "f8", **attributes):
    path = folder / "times.nc"
    raw_netcdf(path, DRY[: len(values)], times=np.zeros(len(values)))
    with netCDF4.Dataset(path, "a") as dataset:
        dataset.renameVariable("time", "unused")
        time = dataset.createVariable("time", dtype, ("time",))
        time.setncatts({"units": units, **attributes})
        time[:] = values
    return path


def split(table: str) -> list[str]:
    return table.replace("\n", "|").split("|")


@pytest.mark.parametrize("reference", split(READ))
def test_a_reference_date_means_what_udunits_reads(tmp_path, reference: str) -> None:
    units = f"seconds since {reference}"
    right = cf_units.Unit(units).convert(0.0, cf_units.Unit(EPOCH))
    first = read_netcdf(written(tmp_path, units)).times[0]
    assert first.timestamp() == pytest.approx(right, abs=1e-3)


@pytest.mark.parametrize("reference", split(REFUSED))
def test_what_udunits_refuses_is_refused(tmp_path, reference: str) -> None:
    units = f"seconds since {reference}"
    with pytest.raises(ValueError, match="Failed to parse unit"):
        cf_units.Unit(units)
    with pytest.raises(ContractViolation, match=r"\+02:00 or -6:00.*times\.nc") as caught:
        read_netcdf(written(tmp_path, units))
    assert caught.value.rule == "time-units"


@pytest.mark.parametrize("reference", split(STRICTER))
def test_dates_that_udunits_guesses_are_refused(tmp_path, reference: str) -> None:
    with pytest.raises(ContractViolation) as caught:
        read_netcdf(written(tmp_path, f"seconds since {reference}"))
    assert caught.value.rule == "time-units"


@pytest.mark.parametrize(
    ("unit", "seconds"),
    [
        *(("nanoseconds", 1e-9), ("ns", 1e-9), ("microseconds", 1e-6), ("msec", 1e-3)),
        *(("ms", 1e-3), ("Minutes", 60.0), ("min", 60.0), ("h", 3600.0), ("hours", 3600.0)),
        ("d", 86400.0),
    ],
)
def test_units_of_time(tmp_path, unit: str, seconds: float) -> None:
    values = [k * 300 / seconds for k in range(3)]
    path = written(tmp_path, f"{unit} Since 2026-07-01 12:00", values)
    assert read_netcdf(path).times == tuple(NOON + k * timedelta(minutes=5) for k in range(3))


def test_whole_nanoseconds_are_exact(tmp_path) -> None:
    values = [int((NOON.timestamp() + 300 * k) * 1000) * 10**6 for k in range(3)]
    path = written(tmp_path, "nanoseconds since 1970-01-01", values, "i8")
    assert read_netcdf(path).times == tuple(NOON + k * timedelta(minutes=5) for k in range(3))


@pytest.mark.parametrize("unit", ["weeks", "months", "years", "m", "parsecs", ""])
def test_other_units_of_time_are_refused(tmp_path, unit: str) -> None:
    with pytest.raises(ContractViolation) as caught:
        read_netcdf(written(tmp_path, f"{unit} since 2026-07-01"))
    assert caught.value.rule in ("time-units", "time-missing")


def test_text_is_no_time(tmp_path) -> None:
    path = tmp_path / "words.nc"
    raw_netcdf(path, DRY[:1])
    with netCDF4.Dataset(path, "a") as dataset:
        dataset.renameVariable("time", "unused")
        time = dataset.createVariable("time", str, ("time",))
        time.units = EPOCH
        time[0] = "2026-07-01T12:00:00Z"
    with pytest.raises(ContractViolation, match=r"words\.nc holds text") as caught:
        read_netcdf(path)
    assert caught.value.rule == "time-units"


@pytest.mark.parametrize(
    ("units", "since"),
    [("seconds since 1970-01-01", 0.0), ("minutes since 1900-01-01", -2208988800.0)],
)
def test_floats_too_coarse_for_the_step_are_refused(tmp_path, units: str, since: float) -> None:
    scale = 60.0 if units.startswith("minutes") else 1.0
    values = [(NOON.timestamp() + 300 * k - since) / scale for k in range(3)]
    with pytest.raises(ContractViolation, match=r"float32.*float64 or as integers") as caught:
        read_netcdf(written(tmp_path, units, values, "f4"))
    assert caught.value.rule == "time-coarse"


def test_floats_that_are_coarse_but_fine_enough_are_read_as_they_were_meant(tmp_path) -> None:
    days = (NOON - datetime(2026, 1, 1, tzinfo=UTC)) / timedelta(days=1)
    values = np.float32(days + np.arange(3) * 5 / 1440)
    assert float(values[1]) != days + 5 / 1440
    frames = read_netcdf(written(tmp_path, "days since 2026-01-01", values, "f4"))
    assert frames.times == tuple(NOON + k * timedelta(minutes=5) for k in range(3))
    half_a_digit = np.spacing(values[-1]) / 2 * 86400  # 0.66 s
    words = f"The times are stored to {half_a_digit:.2g} seconds only"
    assert frames.notes["time"] == f"{words}; they were read as every 5 minutes."


def test_one_coarse_time_is_read_as_it_is(tmp_path) -> None:
    value = np.float32(181.51)
    frames = read_netcdf(written(tmp_path, "days since 2026-01-01", [value], "f4"))
    right = cf_units.Unit("days since 2026-01-01").convert(float(value), cf_units.Unit(EPOCH))
    assert frames.times[0].timestamp() == pytest.approx(right, abs=1e-3)
    assert frames.notes["time"] == "The times are stored to 0.66 seconds only."


@pytest.mark.parametrize("dtype", ["f8", "i4", "i8"])
def test_exact_times_have_no_note(tmp_path, dtype: str) -> None:
    path = written(tmp_path, EPOCH, [NOON.timestamp() + 300 * k for k in range(3)], dtype)
    assert read_netcdf(path).notes == {}


def test_packed_times_are_unpacked(tmp_path) -> None:
    path = written(tmp_path, "minutes since 2026-07-01 12:00", [0, 5, 10], "i2", scale_factor=5.0)
    assert read_netcdf(path).times == tuple(NOON + k * timedelta(minutes=5) for k in range(3))


def odim(folder, date, time, name="odim.h5"):
    path = odim_file(folder / name, np.full((16, 16), 9, np.uint8))
    with h5py.File(path, "a") as file:
        for key, value in (("date", date), ("time", time)):
            del file["what"].attrs[key]
            if value is not None:
                file["what"].attrs[key] = value
    return path


DAY = b"20260701"


@pytest.mark.parametrize(
    ("date", "time", "clock"),
    [
        (np.bytes_(DAY), np.bytes_(b"120000"), "12:00:00"),
        ("20260701", "120000", "12:00:00"),
        (DAY, b"1205", "12:05:00"),
        (DAY, b"120530", "12:05:30"),
        (DAY, b"120530.5", "12:05:30.500"),
        (DAY, b"120530.123456", "12:05:30.123"),
        (DAY, b"12:05:30", "12:05:30"),
        (DAY, b"12:05", "12:05:00"),
        (b"2026-07-01", b"120530Z", "12:05:30"),
        (b" 20260701 ", b" 120530 ", "12:05:30"),
        (np.array([DAY]), np.array([b"120530"]), "12:05:30"),
        (20260701, 120530, "12:05:30"),
        (np.int64(20260701), np.float64(120530.0), "12:05:30"),
        (np.array([20260701]), np.array([90500]), "09:05:00"),
        (20260701.0, 120530.25, "12:05:30.250"),
        (DAY, 0, "00:00:00"),
    ],
)
def test_odim_times_of_every_length(tmp_path, date, time, clock: str) -> None:
    right = datetime.fromisoformat(f"2026-07-01T{clock}+00:00")
    assert read_odim(odim(tmp_path, date, time)).times == (right,)


def test_midnight_at_the_end_of_a_day_is_that_of_the_next(tmp_path) -> None:
    right = datetime(2026, 7, 2, tzinfo=UTC)
    assert read_odim(odim(tmp_path, DAY, b"240000")).times == (right,)


@pytest.mark.parametrize(
    ("date", "time"),
    [
        (DAY, 1200),  # 12:00 or 00:12:00
        (DAY, 500),
        (DAY, b"90500"),
        (DAY, b"12"),
        (DAY, b"noon"),
        (DAY, b"250000"),
        (DAY, b"126000"),
        (DAY, b"240500"),
        (DAY, b"120000+0200"),
        (DAY, b""),
        (DAY, None),
        (None, b"120000"),
        (b"260701", b"120000"),
        (b"01072026", b"120000"),
        (b"20260732", b"120000"),
        (DAY, -120000),
        (DAY, np.nan),
        (DAY, True),
        (DAY, np.array([120000, 120500])),
    ],
)
def test_odim_times_that_are_none_are_refused(tmp_path, date, time) -> None:
    with pytest.raises(ContractViolation, match=r"odim\.h5 has") as caught:
        read_odim(odim(tmp_path, date, time))
    assert caught.value.rule == "time-units"


def test_the_header_has_the_same_times_as_the_frames(tmp_path) -> None:
    path = written(tmp_path, "hours since 2026-07-01 06:00:00.0 -6:00", [0, 1 / 12, 2 / 12])
    assert read_header(path)[0] == read_netcdf(path).times
