"""North is up and east is right in pictures and loops, and points agree, on every kind of grid."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pyproj import Transformer

from echocast.model.formats.projections import cf_attributes
from echocast.model.grid import Grid
from echocast.model.outlook.pixel import grid_pixel
from echocast.model.place.projection_text import parsed_crs
from echocast.model.plotting.colours import painted
from echocast.model.plotting.loop import forecast_loop
from echocast.model.plotting.pictures import forecast_png
from tests.model.formats.radar_files import forecast_of, small_storm

LAEA = "+proj=laea +lat_0=55 +lon_0=10 +ellps=WGS84"
NORTH_EAST, SOUTH_WEST, MARK = np.float32(65), np.float32(36), 5
HEIGHT, WIDTH = 24, 20
DOWN, UP = np.arange(HEIGHT)[::-1], np.arange(HEIGHT)
RIGHT = np.arange(WIDTH)


def projected(text, y, x, units="m"):
    return Grid(y.astype(float), x.astype(float), units, cf_attributes(parsed_crs(text)))


def located(turn):
    """Pixels on a tilted plane that know only their latitudes and longitudes, turned."""
    x, y = np.meshgrid(1000.0 * RIGHT, 1000.0 * DOWN)
    x, y = x + 0.3 * y, y - 0.3 * x
    east, north = Transformer.from_crs(LAEA, "EPSG:4326", always_xy=True).transform(x, y)
    north, east = turn(np.float32(north)), turn(np.float32(east))
    return replace(Grid.of_pixels(*north.shape), latitude=north, longitude=east)


def with_gap(values):
    holed = values.copy()
    holed[:3, 8:] = np.nan
    return holed


DATE_LINE = {"y": -40 + 0.01 * DOWN, "x": 179.9 + 0.01 * RIGHT, "units": "degree"}
GRIDS = {
    "row 0 north": projected(LAEA, 1000 * DOWN, 1000 * RIGHT),
    "row 0 south": projected(LAEA, 1000 * UP, 1000 * RIGHT),
    "column 0 east": projected(LAEA, 1000 * UP, 1000 * RIGHT[::-1]),
    "in km": projected(f"{LAEA} +units=km", UP, RIGHT, "km"),
    "web mercator": projected("EPSG:3857", 6.5e6 + 1000 * UP, 2e6 + 1000 * RIGHT),
    "degrees, row 0 north": Grid(50 + 0.01 * DOWN, 10 + 0.01 * RIGHT, "degree"),
    "degrees, row 0 south": Grid(50 + 0.01 * UP, 10 + 0.01 * RIGHT, "degree"),
    "southern half": Grid(-30 + 0.01 * UP, 150 + 0.01 * RIGHT, "degree"),
    "date line": Grid(**DATE_LINE),
    "each pixel, row 0 north": located(lambda v: v),
    "each pixel, row 0 south": located(lambda v: v[::-1]),
    "each pixel, column 0 east": located(lambda v: v[:, ::-1]),
    "each pixel, rows run east": located(lambda v: v.T),
    "each pixel, rows run west": located(lambda v: v.T[::-1]),
    "each pixel, rows run east, columns south to north": located(lambda v: v[::-1].T),
    "each pixel, with a gap": replace(
        located(lambda v: v[::-1]), latitude=with_gap(located(lambda v: v[::-1]).latitude)
    ),
    "each pixel, over the date line": replace(
        located(lambda v: v[::-1]),
        longitude=(located(lambda v: v[::-1]).longitude + 350 - 0.1) % 360 - 180,
    ),
}


def degrees(grid):
    if grid.latitude is not None:
        return grid.latitude, grid.longitude
    y, x = np.meshgrid(grid.y, grid.x, indexing="ij")
    return grid.earth.degrees(y, x)


def corner(grid, north, east):
    """The block of pixels that lies furthest to the north and east, or south and west."""
    latitude, longitude = degrees(grid)
    longitude = (longitude.astype(float) - longitude[0, 0] + 180) % 360 - 180
    height, width = grid.shape
    blocks = [
        (slice(r, r + MARK), slice(c, c + MARK))
        for r in (0, height - MARK)
        for c in (0, width - MARK)
    ]
    narrowing = np.cos(np.deg2rad(np.nanmean(latitude)))

    def reach(block):
        return north * np.nanmean(latitude[block]) + east * narrowing * np.nanmean(longitude[block])

    return max(blocks, key=reach)


def marked(grid):
    """A forecast whose frames have a mark in the north-east and another in the south-west."""
    storm = small_storm(frames=2, height=grid.shape[0], width=grid.shape[1])
    values = np.full_like(storm.reflectivity_dbz, -32)
    for frame in values:
        frame[corner(grid, 1, 1)] = NORTH_EAST
        frame[corner(grid, -1, -1)] = SOUTH_WEST
    frames = replace(storm, reflectivity_dbz=values, grid=grid)
    forecast, _ = forecast_of(frames)
    return replace(forecast, frames=frames[1:], extrapolation=frames[1:]), frames


def first_of_colour(picture, value):
    """(row, column) of the leftmost pixels of a colour: those of the first map."""
    colour = painted(np.full((1, 1), value))[0, 0].astype(int)
    pixels = np.asarray(picture.convert("RGB")).astype(int)
    rows, columns = np.nonzero(np.abs(pixels - colour).sum(axis=2) < 60)
    near = columns < columns.min() + 12
    return rows[near].mean(), columns[near].mean()


def check_north_is_up(picture):
    above, right = first_of_colour(picture, NORTH_EAST)
    below, left = first_of_colour(picture, SOUTH_WEST)
    assert above < below - 20
    assert right > left + 20


@pytest.mark.parametrize("name", GRIDS)
def test_north_is_up_and_east_is_right(name):
    forecast, frames = marked(GRIDS[name])
    check_north_is_up(Image.open(io.BytesIO(forecast_png(forecast, inputs=frames))))
    check_north_is_up(Image.open(io.BytesIO(forecast_loop(frames, forecast, None))))


@pytest.mark.parametrize("name", GRIDS)
def test_a_point_is_the_pixel_that_the_picture_shows(name):
    grid = GRIDS[name]
    _, frames = marked(grid)
    latitude, longitude = degrees(grid)
    rows, columns = corner(grid, 1, 1)
    row, column = rows.start + 2, columns.start + 2
    for turn in (-360, 0, 360):
        place = (float(latitude[row, column]), float(longitude[row, column]) + turn)
        pixel = grid_pixel(grid, *place)
        assert pixel == (row, column)
        assert frames.reflectivity_dbz[-1][pixel] == NORTH_EAST
