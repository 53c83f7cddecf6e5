"""Real radar: every event file and original composite of the folder in ECHOCAST_TEST_DATA."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from echocast.model.contract import InputContract, split
from echocast.model.formats.forecast_reader import read_forecast
from echocast.model.formats.forecast_writer import write_forecast, write_frames
from echocast.model.formats.netcdf.reader import read_netcdf
from echocast.model.formats.readers import between, read_frames
from echocast.model.outlook.pixel import grid_pixel
from tests.model.formats.radar_files import forecast_of

pytestmark = pytest.mark.real_radar

NOW = datetime(2027, 1, 1, tzinfo=UTC)
EVENTS = {  # frames, shape, minutes, floor, pixel in km, largest dBZ
    "bom-brisbane_20201031": (144, (512, 512), 10, -32.0, 0.5, 54.4),
    "mch_20150515": (40, (640, 710), 5, -19.56228, 1.0, 55.9),
    "mch_20170131": (40, (640, 710), 5, -19.56228, 1.0, 46.9),
    "fmi_20170509": (40, (1226, 760), 5, -32.0, 1.0, 51.0),
    "knmi_20100826": (92, (765, 700), 5, -32.0, 1.0, 46.5),
    "opera_20180824": (24, (2200, 1900), 15, -32.0, 2.0, 86.0),
    "opera-cirrus_20241126": (13, (4400, 3800), 5, -32.0, 1.0, 78.0),
}


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_is_read_and_obeys_the_contract(radar_folder: Path, name: str, tmp_path: Path):
    count, shape, minutes, floor, pixel, largest = EVENTS[name]
    frames = read_frames([radar_folder / f"{name}.nc"])
    assert (len(frames), frames.grid.shape) == (count, shape)
    assert frames.step == timedelta(minutes=minutes)
    assert frames.no_rain_dbz == pytest.approx(floor)
    assert frames.grid.pixel_size_km == pytest.approx(pixel, rel=1e-3)
    assert np.nanmax(frames.reflectivity_dbz) == pytest.approx(largest, abs=0.06)
    inputs, _ = split(frames, 10, InputContract(), now=NOW)
    assert len(inputs) == 10


def test_a_window_of_mrms_is_read_written_and_read_again(radar_folder: Path, tmp_path: Path):
    frames = read_netcdf(
        radar_folder / "mrms_20190610.nc",
        time_slice=slice(20),
        y_slice=slice(1200, 1500),
        x_slice=slice(3600, 4000),
    )
    assert frames.grid.units == "degree"
    assert frames.step == timedelta(minutes=2)
    write_frames(frames, tmp_path / "window.nc")
    back = read_frames([tmp_path / "window.nc"])
    assert back.grid.same_as(frames.grid)
    np.testing.assert_allclose(back.reflectivity_dbz, frames.reflectivity_dbz, atol=0.0051)


@pytest.mark.parametrize("name", ["mch_20150515", "fmi_20170509"])
def test_a_forecast_file_holds_what_was_read(radar_folder: Path, name: str, tmp_path: Path):
    frames = read_netcdf(radar_folder / f"{name}.nc", time_slice=slice(20))
    forecast, _ = forecast_of(frames)
    write_forecast(forecast, tmp_path / "forecast.nc")
    back = read_forecast(tmp_path / "forecast.nc").frames
    assert back.grid.same_as(frames.grid)
    assert dict(back.grid.crs) == dict(frames.grid.crs)
    assert back.attributes == frames.attributes


@pytest.mark.parametrize(
    ("pattern", "event", "tolerance"),
    [("T_PAAH21*", "opera_20180824", 0.0051), ("T_PABV21*", "opera-cirrus_20241126", 0.501)],
)
def test_original_opera_files_equal_the_converted_event(
    radar_folder: Path, pattern: str, event: str, tolerance: float
):
    originals = sorted((radar_folder.parent / "radar-raw" / "opera-odim").glob(pattern))
    frames = read_frames(originals[::-1])
    assert len(frames) == len(originals) > 1
    converted = read_netcdf(radar_folder / f"{event}.nc", time_slice=slice(len(frames)))
    assert frames.times == converted.times
    assert frames.grid.same_as(converted.grid)
    np.testing.assert_array_equal(frames.missing, converted.missing)
    np.testing.assert_allclose(frames.reflectivity_dbz, converted.reflectivity_dbz, atol=tolerance)


def test_original_amounts_equal_the_converted_event(radar_folder: Path):
    """Amounts over ten minutes, read as rates; the event was converted by others."""
    originals = sorted((radar_folder.parent / "radar-raw" / "bom-netcdf").glob("*.nc"))
    frames = read_frames(originals)
    assert len(frames) == len(originals) > 1
    event = read_netcdf(radar_folder / "bom-brisbane_20201031.nc")
    first = event.times.index(frames.times[0])
    converted = event[first : first + len(frames)]
    assert frames.times == converted.times
    assert "over 10 minutes" in frames.notes["interval"]
    np.testing.assert_array_equal(frames.missing, converted.missing)
    np.testing.assert_allclose(frames.reflectivity_dbz, converted.reflectivity_dbz, atol=0.0051)


@pytest.mark.parametrize(
    ("folder", "event", "tolerance"),
    [
        ("knmi-hdf5", "knmi_20100826", 0.0051),
        ("meteoswiss-gif", "mch_20150515", 1e-4),
        ("fmi-pgm", "fmi_20170509", 0.0),
        ("mrms-grib2", "mrms_20190610", 0.2501),  # the event was rounded to half a dB
    ],
)
def test_original_files_of_single_agencies_equal_the_converted_event(
    radar_folder: Path, folder: str, event: str, tolerance: float
):
    originals = sorted((radar_folder.parent / "radar-raw" / folder).iterdir())[:3]
    frames = read_frames(originals)
    whole = radar_folder / f"{event}.nc"
    at = partial(between, frames.times[0] - timedelta(seconds=1))
    converted = read_netcdf(whole, choose=at(frames.times[-1]))
    assert frames.times == converted.times
    assert frames.grid.same_as(converted.grid)
    np.testing.assert_array_equal(frames.missing, converted.missing)
    ours, theirs = frames.reflectivity_dbz, converted.reflectivity_dbz
    echo = (ours >= 5) | (theirs >= 5)
    assert echo.any()
    np.testing.assert_allclose(ours[echo], theirs[echo], atol=tolerance)


def test_a_geotiff_and_a_pgm_of_one_time_show_the_same_rain(radar_folder: Path):
    """FMI published both, on two grids: 250 m and 1 km."""
    raw = radar_folder.parent / "radar-raw"
    fine = read_frames([next(iter(sorted((raw / "fmi-geotiff").iterdir())))])
    coarse = read_frames([next(iter(sorted((raw / "fmi-pgm").iterdir())))])
    assert fine.times == coarse.times
    differences = []
    for row in range(300, 900, 7):
        for column in range(200, 600, 7):
            value = coarse.reflectivity_dbz[0, row, column]
            if not value >= 25:  # nor missing
                continue
            place = coarse.grid.earth.degrees(coarse.grid.y[row], coarse.grid.x[column])
            y, x = grid_pixel(fine.grid, *map(float, place))
            near = fine.reflectivity_dbz[0, y - 4 : y + 5, x - 4 : x + 5]
            differences.append(np.fmin.reduce(np.abs(near - value), axis=None, initial=99))
    assert len(differences) > 20
    assert np.median(differences) <= 0.5
    assert np.mean(np.array(differences) <= 3) > 0.95


def test_original_radolan_is_read_as_its_description_says(radar_folder: Path):
    path = next((radar_folder.parent / "radar-raw" / "dwd-radolan").iterdir())
    frames = read_frames([path])
    assert frames.times == (datetime(2014, 8, 10, 20, 50, tzinfo=UTC),)
    assert frames.grid.shape == (900, 900)
    assert 50 < np.nanmax(frames.reflectivity_dbz) < 60
