"""Each pixel of a map shows the pixel of the grid that it lies in."""

from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from echocast.model.grid import Grid
from echocast.model.imagery.codes import HIGHEST, NOT_OBSERVED
from echocast.model.imagery.image_file import (
    ImageDescription,
    ImageFile,
    sampling,
    write_images,
)
from echocast.model.imagery.mercator import HALF_WORLD_M, MercatorWindow, to_metres
from echocast.model.imagery.warp import Warp

PROJECTIONS = {
    "laea": "+proj=laea +lat_0=55 +lon_0=10 +x_0=1950000 +y_0=-2100000 +ellps=WGS84",
    "stere": "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +a=6370040 +b=6370040",
    "somerc": "+proj=somerc +lat_0=46.952405556 +lon_0=7.439583333 +x_0=2600000 +y_0=1200000"
    " +ellps=bessel +towgs84=674.374,15.056,405.346",
    "merc": "+proj=merc +lon_0=140 +datum=WGS84",
    "longlat": "+proj=longlat +datum=WGS84",
}
CENTRES = {"laea": (50, 8), "stere": (51, 9), "somerc": (46.8, 8.2), "merc": (-8, 179.9)}


def grid_of(name: str, centre: tuple[float, float], side: int = 300) -> Grid:
    """Square pixels of 2 km around a place, row 0 in the north."""
    crs = CRS.from_proj4(PROJECTIONS[name])
    if name == "longlat":
        steps = (np.arange(side) - side / 2) * 0.02
        return Grid(centre[0] - steps, centre[1] + steps, "degree")
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(centre[1], centre[0])
    steps = (np.arange(side) - side / 2) * 2000.0
    return Grid(y - steps, x + steps, "m", {"crs_wkt": crs.to_wkt()})


def image(tmp_path: Path, codes: NDArray[np.uint8], every: int = 1) -> ImageFile:
    path = tmp_path / "a.safetensors"
    time = datetime(2026, 7, 1, tzinfo=UTC)
    write_images(path, {"rain": codes}, ImageDescription((time,), None, every, {}))
    return ImageFile(path)


def places_of(warp: Warp) -> NDArray[np.float32]:
    """Row and column of each pixel of a window in the whole image."""
    first = np.float32([warp.rows.start, warp.columns.start])
    return warp.places + first[:, None, None]


def tile_at(latitude: float, longitude: float, zoom: int) -> MercatorWindow:
    """The tile in which a place lies."""
    x, y = (float(v) for v in to_metres(latitude, (longitude + 180) % 360 - 180))
    across = 2 * HALF_WORLD_M / 2**zoom
    tile = int((x + HALF_WORLD_M) / across), int((HALF_WORLD_M - y) / across)
    return MercatorWindow.tile(zoom, *tile, 256)


def exact_pixels(grid: Grid, window: MercatorWindow) -> NDArray[np.float64]:
    """Row and column of each pixel by PROJ alone, in the grid's own projection."""
    x = window.west + (np.arange(window.width) + 0.5) * (window.east - window.west) / window.width
    y = window.north - (np.arange(window.height) + 0.5) * (
        (window.north - window.south) / window.height
    )
    to_degrees = Transformer.from_crs("EPSG:3857", "EPSG:4326", always_xy=True)
    east, north = to_degrees.transform(*np.meshgrid(x, y))
    if grid.units == "degree":
        columns, rows = east, north
    else:
        to_plane = Transformer.from_crs(
            "EPSG:4326", CRS.from_wkt(grid.crs["crs_wkt"]), always_xy=True
        )
        columns, rows = to_plane.transform(east, north)
    return np.stack(
        [
            (rows - grid.y[0]) / (grid.y[1] - grid.y[0]),
            (columns - grid.x[0]) / (grid.x[1] - grid.x[0]),
        ]
    )


@pytest.mark.parametrize("zoom", [3, 5, 7, 9])
@pytest.mark.parametrize("name", ["laea", "stere", "somerc", "longlat"])
def test_places_are_those_of_the_projection(name: str, zoom: int) -> None:
    centre = CENTRES.get(name, (50.0, 8.0))
    grid = grid_of(name, centre)
    window = tile_at(*centre, zoom)
    apart = np.abs(places_of(Warp.of(grid, window)) - exact_pixels(grid, window))
    near = (np.abs(exact_pixels(grid, window)) < 1000).all(axis=0)
    assert near.any()
    # A datum that PROJ shifts has seven parameters here, and none where degrees are handed on.
    assert apart[:, near].max() < 0.05


def test_nearest_gives_the_pixel_that_a_place_lies_in(tmp_path: Path) -> None:
    grid = grid_of("laea", (50, 8))
    codes = np.random.default_rng(1).integers(0, 250, (2, 300, 300), dtype=np.uint8)
    window = tile_at(50, 8, 5)
    shown = Warp.of(grid, window).nearest(image(tmp_path, codes), "rain", 1)
    rows, columns = np.rint(places_of(Warp.of(grid, window))).astype(int)
    inside = (rows >= 0) & (rows < 300) & (columns >= 0) & (columns < 300)
    assert 0.1 < inside.mean() < 1
    assert (shown[inside] == codes[1][rows[inside], columns[inside]]).all()
    assert (shown[~inside] == NOT_OBSERVED).all()


def test_north_is_up_whatever_the_order_of_rows(tmp_path: Path) -> None:
    grid = grid_of("longlat", (50, 8))
    turned = Grid(grid.y[::-1], grid.x, "degree")
    codes = np.repeat(np.arange(150, dtype=np.uint8), 2)[None, :, None].repeat(300, 2)
    window = tile_at(50, 8, 6)
    as_is = Warp.of(grid, window).nearest(image(tmp_path, codes), "rain", 0)
    flipped = Warp.of(turned, window).nearest(image(tmp_path, codes[:, ::-1]), "rain", 0)
    assert (as_is == flipped).all()
    column = as_is[:, 128][as_is[:, 128] < 200]
    assert (np.diff(column.astype(int)) >= 0).all()


def test_a_grid_across_the_date_line_is_whole(tmp_path: Path) -> None:
    steps = (np.arange(300) - 150) * 0.02
    grid = Grid(-8 - steps, 179.9 + steps, "degree")
    full = image(tmp_path, np.full((1, 300, 300), 100, np.uint8))
    for longitude in (178.5, -178.5):
        window = tile_at(-8, longitude, 9)
        assert (Warp.of(grid, window).nearest(full, "rain", 0) == 100).all(), longitude


def test_elsewhere_nothing_was_observed(tmp_path: Path) -> None:
    full = image(tmp_path, np.full((1, 300, 300), 100, np.uint8))
    for place in ((-50.0, -120.0), (-89.0, 170.0)):
        warp = Warp.of(grid_of("laea", (50, 8)), tile_at(*place, 5))
        assert (warp.nearest(full, "rain", 0) == NOT_OBSERVED).all()
        assert (warp.smooth(full, "rain", 0) == NOT_OBSERVED).all()


def test_smooth_lies_between_neighbours_and_leaves_edges(tmp_path: Path) -> None:
    grid = grid_of("laea", (50, 8))
    codes = (np.arange(300)[None, None, :] // 2).astype(np.uint8).repeat(300, 1)
    codes[:, :, :100] = NOT_OBSERVED
    warp = Warp.of(grid, tile_at(50, 8, 9))
    smooth, nearest = (f(image(tmp_path, codes), "rain", 0) for f in (warp.smooth, warp.nearest))
    assert ((smooth == NOT_OBSERVED) == (nearest == NOT_OBSERVED)).all()
    known = nearest != NOT_OBSERVED
    assert np.abs(smooth[known].astype(int) - nearest[known]).max() <= 1
    assert np.abs(smooth[known] - (places_of(warp)[1][known] / 2 - 0.25)).max() < 1.0


@pytest.mark.parametrize("lost", [0, 3000])
@pytest.mark.parametrize("zoom", [4, 6, 9])
def test_a_part_of_an_image_shows_what_the_whole_would(
    tmp_path: Path, zoom: int, lost: int
) -> None:
    grid, draw = grid_of("laea", (50, 8)), np.random.default_rng(3)
    codes = draw.integers(0, HIGHEST + 1, (300, 300), dtype=np.uint8)
    codes[tuple(draw.integers(0, 300, (2, lost)))] = NOT_OBSERVED
    warp = Warp.of(grid, tile_at(50, 8, zoom))
    rows, columns = places_of(warp)

    def shown(values: NDArray[np.uint8], interpolation: int) -> NDArray[np.uint8]:
        beyond = {"borderMode": cv2.BORDER_CONSTANT, "borderValue": NOT_OBSERVED}
        picture = cv2.remap(values, columns, rows, interpolation, **beyond)
        return np.asarray(picture, np.uint8)

    nearest = shown(codes, cv2.INTER_NEAREST)
    known = shown(np.where(codes > HIGHEST, NOT_OBSERVED, 0).astype(np.uint8), cv2.INTER_LINEAR)
    smooth = np.where(known > 0, nearest, shown(codes, cv2.INTER_LINEAR))
    assert (warp.nearest(image(tmp_path, codes[None]), "rain", 0) == nearest).all()
    assert (warp.smooth(image(tmp_path, codes[None]), "rain", 0) == smooth).all()


def test_halfway_between_two_pixels_is_the_even_one_whatever_part_is_read(tmp_path: Path) -> None:
    grid = Grid(50.0 - np.arange(40), np.arange(40.0), "degree")
    codes = np.arange(40, dtype=np.uint8)[None, None, :].repeat(40, 1)
    for first in (2, 3):
        ends = to_metres([49.5, 50.0], [first, first + 8.0])
        (west, east), (south, north) = ends
        window = MercatorWindow(west, south, east, north, 1, 8)
        warp = Warp.of(grid, window)
        expected = np.rint(first + 0.5 + np.arange(8))
        assert (warp.nearest(image(tmp_path, codes), "rain", 0) == expected).all()


def test_large_grids_are_sampled_at_their_places(tmp_path: Path) -> None:
    assert sampling((2048, 2048)) == 1
    assert sampling((2049, 100)) == 2
    grid, every = grid_of("laea", (50, 8)), 3
    codes = np.random.default_rng(2).integers(0, 250, (1, 300, 300), dtype=np.uint8)
    window = tile_at(50, 8, 7)
    sampled = image(tmp_path, codes[:, ::every, ::every], every)
    shown = Warp.of(grid, window, every).nearest(sampled, "rain", 0)
    rows, columns = (np.rint(axis / every).astype(int) for axis in places_of(Warp.of(grid, window)))
    inside = (rows >= 0) & (rows < 100) & (columns >= 0) & (columns < 100)
    assert (shown[inside] == codes[0, ::every, ::every][rows[inside], columns[inside]]).all()


def test_the_window_of_a_grid_holds_all_of_it() -> None:
    for name, centre in CENTRES.items():
        grid = grid_of(name, centre)
        window = MercatorWindow.of_grid(grid, 2048)
        assert window is not None
        assert grid.earth is not None
        y, x = np.meshgrid(grid.y, grid.x, indexing="ij")
        latitude, longitude = grid.earth.degrees(y, x)
        bounds = window.degrees
        middle = (bounds["west"] + bounds["east"]) / 2
        turned = middle + (longitude - middle + 180) % 360 - 180
        assert bounds["south"] < latitude.min() < latitude.max() < bounds["north"], name
        assert bounds["west"] < turned.min() < turned.max() < bounds["east"], name
        assert bounds["east"] - bounds["west"] < 20, name
        assert max(window.height, window.width) == 300


def test_a_grid_without_a_place_has_no_window() -> None:
    assert MercatorWindow.of_grid(Grid.of_squares(10, 10, 1.0), 2048) is None
