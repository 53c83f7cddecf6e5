"""Which pixel a place on earth lies in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from echocast.model.errors import ContractViolation
from echocast.model.forecast import Forecast, ModelIdentity
from echocast.model.formats.forecast_writer import write_forecast
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.outlook.pixel import grid_pixel
from echocast.service.decoding.stream_operations import forecast_at

LATITUDES, LONGITUDES = np.linspace(55, 50, 51), np.linspace(0, 10, 101)


def test_degrees_are_taken_as_they_are() -> None:
    grid = Grid(LATITUDES, LONGITUDES, "degree")
    assert grid_pixel(grid, 54.52, 3.04) == (5, 30)
    assert grid_pixel(grid, 50, 0) == (50, 0)


def test_longitudes_go_around_the_earth() -> None:
    grid = Grid(LATITUDES, LONGITUDES + 260, "degree")
    assert grid_pixel(grid, 52, -95) == grid_pixel(grid, 52, 265) == (30, 50)


@pytest.mark.parametrize(("latitude", "longitude"), [(49.9, 5), (55.1, 5), (52, 10.1), (52, -0.1)])
def test_outside_is_refused(latitude: float, longitude: float) -> None:
    with pytest.raises(ContractViolation, match="outside"):
        grid_pixel(Grid(LATITUDES, LONGITUDES, "degree"), latitude, longitude)


@pytest.mark.parametrize("units", ["1", "km"])
def test_a_grid_without_projection_is_nowhere(units: str) -> None:
    with pytest.raises(ContractViolation, match="projection"):
        grid_pixel(Grid(LATITUDES, LONGITUDES, units), 52, 5)


def test_kilometres_and_metres_are_the_same_place() -> None:
    crs = {
        "grid_mapping_name": "lambert_azimuthal_equal_area",
        "latitude_of_projection_origin": 50.0,
        "longitude_of_projection_origin": 8.0,
        "semi_major_axis": 6378137.0,
        "inverse_flattening": 298.257223563,
    }
    axis = np.linspace(-50, 50, 101)
    for units, scale in (("km", 1), ("m", 1000)):
        assert grid_pixel(Grid(-axis * scale, axis * scale, units, crs), 50.09, 8.14) == (40, 60)


def turned(height: int = 40, width: int = 50) -> Grid:
    """Pixels of 2 km, turned by 30 degrees about 60 N 179.9 E: no projection tells that."""
    rows, columns = np.mgrid[:height, :width].astype(float)
    up, right = 2 * (height / 2 - rows), 2 * (columns - width / 2)
    angle = np.deg2rad(30)
    north = 60 + (up * np.cos(angle) + right * np.sin(angle)) / 111.195
    east = right * np.cos(angle) - up * np.sin(angle)
    longitude = 179.9 + east / 111.195 / np.cos(np.deg2rad(north))
    longitude = (longitude + 180) % 360 - 180
    plain = Grid.of_pixels(height, width)
    return replace(plain, latitude=north.astype(np.float32), longitude=longitude.astype(np.float32))


@pytest.mark.parametrize("pixel", [(0, 0), (7, 31), (20, 25), (39, 49)])
def test_without_projection_the_nearest_pixel_is_found(pixel: tuple[int, int]) -> None:
    """Also a third of a pixel away from its centre, and on either side of the date line."""
    grid = turned()
    latitude, longitude = float(grid.latitude[pixel]), float(grid.longitude[pixel])
    assert grid_pixel(grid, latitude, longitude) == pixel
    assert grid_pixel(grid, latitude + 0.6 / 111, longitude) == pixel
    assert grid_pixel(grid, latitude, longitude + 360) == pixel


def test_without_projection_a_place_further_than_a_pixel_is_outside() -> None:
    grid = turned()
    for place in ((60, 170), (62, 179.9), (-60, -0.1)):
        with pytest.raises(ContractViolation, match="outside"):
            grid_pixel(grid, *place)
    unknown = replace(grid, latitude=grid.latitude * np.nan)
    with pytest.raises(ContractViolation, match="outside"):
        grid_pixel(unknown, 60, 179.9)


def test_a_forecast_that_only_knows_its_pixels_places_is_asked_for_one(tmp_path: Path) -> None:
    """Through the file, as it is served."""
    grid = turned()
    values = np.random.default_rng(1).uniform(0, 50, (3, *grid.shape)).astype(np.float32)
    start = datetime(2026, 7, 1, 12, tzinfo=UTC)
    times = [start + k * timedelta(minutes=5) for k in (1, 2, 3)]
    frames = Frames(values, times, grid)
    path = tmp_path / "forecast.nc"
    write_forecast(Forecast(frames, frames, frames, start, ModelIdentity("a", "1", ""), ""), path)
    row, column = grid_pixel(grid, float(grid.latitude[7, 31]), float(grid.longitude[7, 31]))
    answer = forecast_at({"forecast": str(path), "row": row, "column": column})
    assert (row, column) == (7, 31)
    assert answer["valid_times"] == [time.isoformat() for time in times]
    assert answer["reflectivity_dbz"] == pytest.approx(values[:, 7, 31].tolist(), abs=0.01)
