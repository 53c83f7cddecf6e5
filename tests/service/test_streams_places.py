"""Which pixel a place on earth lies in."""

import numpy as np
import pytest

from model.errors import ContractViolation
from model.frames import Grid
from service.intake.stream_operations import grid_pixel

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
