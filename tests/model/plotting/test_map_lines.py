"""Lines of maps lie where the grid's projection puts places, in every kind of picture."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pyproj import CRS, Transformer

from echocast.model.formats.projections import cf_attributes
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.plotting import line_drawing
from echocast.model.plotting.frame_picture import frame_png
from echocast.model.plotting.line_drawing import line_layer
from echocast.model.plotting.loop import forecast_loop
from echocast.model.plotting.map_lines import MapLines, Shares, map_lines
from echocast.model.plotting.pictures import forecast_png
from tests.model.formats.radar_files import forecast_of, on_grid, small_storm

LANDS_END = (50.07, -5.72)
GEOGRAPHIC = {"grid_mapping_name": "latitude_longitude"}


def around(latitude: float, longitude: float, *, side: int = 200, units: str = "km") -> Grid:
    """A square of 300 km with a place in its middle, of which the map's lines bend."""
    scale = {"km": 1.0, "m": 1000.0}[units]
    axis = (np.arange(side) - (side - 1) / 2) * 300 / side * scale
    crs = CRS.from_proj4(f"+proj=lcc +lat_1=30 +lat_2=60 +lat_0={latitude} +lon_0={longitude - 20}")
    east, north = Transformer.from_crs(4326, crs, always_xy=True).transform(longitude, latitude)
    y, x = axis[::-1] + north / 1000 * scale, axis + east / 1000 * scale
    return Grid(y=y, x=x, units=units, crs=cf_attributes(crs))


def degrees(south: float, west: float, side: float, pixels: int = 100) -> Grid:
    step = side / pixels
    y = south + side - (np.arange(pixels) + 0.5) * step
    return Grid(y=y, x=west + (np.arange(pixels) + 0.5) * step, units="degree", crs=GEOGRAPHIC)


def lines_of(grid: Grid) -> MapLines:
    lines = map_lines(grid)
    assert lines is not None
    return lines


def distance_to(shares: Shares, at: tuple[float, float]) -> float:
    return float(np.nanmin(np.hypot(*(shares - np.array(at)[:, None]))))


def on_the_map(shares: Shares) -> int:
    return int(np.count_nonzero(((shares >= 0) & (shares <= 1)).all(axis=0)))


@pytest.mark.parametrize("units", ["km", "m"])
@pytest.mark.parametrize("turned", ["north first", "south first", "east first"])
def test_a_known_point_of_the_coast_lies_where_the_projection_says(units: str, turned: str) -> None:
    grid = around(*LANDS_END, units=units)
    if turned == "south first":
        grid = replace(grid, y=grid.y[::-1])
    if turned == "east first":
        grid = replace(grid, x=grid.x[::-1])
    assert distance_to(lines_of(grid).coasts, (0.5, 0.5)) < 8 / 300  # the coast is that exact


def test_the_pixels_of_a_layer_are_dark_at_the_coast_and_clear_at_sea() -> None:
    layer = line_layer(degrees(48.0, -8.0, 4.0), (400, 400))
    assert layer is not None
    opacity = np.asarray(layer)[..., 3]
    column, row = round((-5.72 + 8) / 4 * 400), round((52 - 50.07) / 4 * 400)
    assert opacity[row - 8 : row + 8, column - 8 : column + 8].max() > 200
    assert opacity[300:380, 20:80].max() == 0  # the Atlantic, between two lines of degrees


def ink(picture: Image.Image, box: tuple[int, int, int, int]) -> NDArray[np.intp]:
    """Rows and columns of dark pixels."""
    dark = np.asarray(picture.convert("L").crop(box)) < 100
    return np.argwhere(dark)


def test_the_coast_is_drawn_where_it_is_in_the_picture_of_a_frame() -> None:
    """A map of 7 inches at 100 dots, .6 inch from the left, .8 inch from the top."""
    frames = _dry(degrees(49.5, -8.0, 4.0))
    picture = Image.open(io.BytesIO(frame_png(frames)))
    box = (62, 82, 758, 778)
    known = np.array([(53.5 - 50.07) / 4, (-5.72 + 8) / 4]) * 700
    assert np.hypot(*(ink(picture, box) - known).T).min() < 12
    assert not len(ink(picture, (150, 520, 300, 650)))  # west of it, between lines of degrees


def _dry(grid: Grid) -> Frames:
    frames = on_grid(small_storm(height=100, width=100), grid)
    return frames.with_values(np.full_like(frames.reflectivity_dbz, -32), frames.times)


def test_lines_are_seen_on_dark_and_on_light_ground() -> None:
    layer = line_layer(degrees(48.0, -8.0, 4.0), (400, 400))
    assert layer is not None
    for ground in ((45, 5, 75), (255, 255, 255)):
        picture = Image.new("RGB", layer.size, ground)
        picture.paste(layer, (0, 0), layer)
        changed = abs(np.asarray(picture, int) - ground).sum(axis=2).max()
        assert changed > 300


def test_without_a_place_pictures_are_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    geolocated = replace(
        Grid.of_pixels(24, 20),
        latitude=np.linspace(52, 48, 24, dtype=np.float32)[:, None].repeat(20, axis=1),
        longitude=np.linspace(-8, -4, 20, dtype=np.float32)[None].repeat(24, axis=0),
    )
    for grid in (Grid.of_squares(24, 20, 1.0), Grid.of_pixels(24, 20), geolocated):
        assert map_lines(grid) is None
    forecast, observed = forecast_of(on_grid(small_storm(), geolocated))
    drawn = [frame_png(observed), forecast_png(forecast), forecast_loop(None, forecast, None)]
    monkeypatch.setattr(line_drawing, "map_lines", lambda grid: None)
    assert drawn == [
        frame_png(observed),
        forecast_png(forecast),
        forecast_loop(None, forecast, None),
    ]


def test_every_picture_of_a_placed_grid_has_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    forecast, observed = forecast_of(on_grid(small_storm(), degrees(48.0, -8.0, 4.0, 20)))

    def pictures() -> list[bytes]:
        return [frame_png(observed), forecast_png(forecast), forecast_loop(None, forecast, None)]

    drawn = pictures()
    monkeypatch.setattr(line_drawing, "map_lines", lambda grid: None)
    assert not any(one == other for one, other in zip(drawn, pictures(), strict=True))


def test_far_at_sea_there_are_degrees_alone() -> None:
    lines = lines_of(degrees(-49.8, -129.5, 3.0))
    assert not on_the_map(lines.coasts)
    assert not on_the_map(lines.borders)
    assert [mark.text for mark in lines.latitudes] == ["49° S", "48° S", "47° S"]
    assert [mark.text for mark in lines.longitudes] == ["129° W", "128° W", "127° W"]
    np.testing.assert_allclose([m.at for m in lines.latitudes], [2.2 / 3, 1.2 / 3, 0.2 / 3])
    np.testing.assert_allclose([m.at for m in lines.longitudes], [0.5 / 3, 1.5 / 3, 2.5 / 3])


def test_degrees_go_on_over_the_date_line_and_the_equator() -> None:
    lines = lines_of(degrees(-1.5, 178.5, 3.0))
    assert [mark.text for mark in lines.longitudes] == ["179° E", "180°", "179° W"]
    assert [mark.text for mark in lines.latitudes] == ["1° S", "0°", "1° N"]


def test_lines_cross_no_map_of_the_whole_earth() -> None:
    grid = Grid(
        y=np.linspace(87.5, -87.5, 36), x=np.linspace(-177.5, 177.5, 72), units="degree", crs={}
    )
    lines = lines_of(grid)
    for shares in (lines.coasts, lines.borders):
        assert np.nanmax(abs(np.diff(shares[0]))) < 0.01
        assert on_the_map(shares) > 10_000


def test_a_pole_may_lie_on_the_map() -> None:
    crs = CRS.from_proj4("+proj=stere +lat_0=90 +lat_ts=70 +lon_0=0 +ellps=WGS84")
    axis = np.linspace(-2e6, 2e6, 40)
    lines = lines_of(Grid(y=axis[::-1], x=axis, units="m", crs=cf_attributes(crs)))
    assert on_the_map(lines.coasts) > 1000
    assert on_the_map(lines.degrees) > 100
