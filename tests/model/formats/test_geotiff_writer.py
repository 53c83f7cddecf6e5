"""A forecast as GeoTIFF lies where its grid does, by GDAL's own reading, with every value."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyproj import CRS, Transformer

from echocast.model.formats.geotiff_writer import write_geotiff
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.synthetic.storms import storm

rasterio = pytest.importorskip("rasterio", reason="GEOTIFF NOT TESTED: rasterio")
LAEA = CRS.from_proj4("+proj=laea +lat_0=55 +lon_0=10 +x_0=1950000 +y_0=-2100000 +ellps=WGS84")
CF = {
    "grid_mapping_name": "lambert_azimuthal_equal_area",
    "latitude_of_projection_origin": 55.0,
    "longitude_of_projection_origin": 10.0,
    "false_easting": 1950000.0,
    "false_northing": -2100000.0,
}
HEIGHT, WIDTH = 24, 40


def grids() -> dict[str, Grid]:
    """The same pixels of 2 km around 50 N 8 E in several writings, and others."""
    x, y = Transformer.from_crs("EPSG:4326", LAEA, always_xy=True).transform(8.0, 50.0)
    columns, rows = x + 2000.0 * np.arange(WIDTH), y - 2000.0 * np.arange(HEIGHT)
    wkt = {"crs_wkt": LAEA.to_wkt()}
    degrees = 50.0 - 0.02 * np.arange(HEIGHT), 8.0 + 0.02 * np.arange(WIDTH)
    return {
        "north first": Grid(rows, columns, "m", wkt),
        "south first": Grid(rows[::-1], columns, "m", wkt),
        "kilometres": Grid(rows / 1000, columns / 1000, "km", wkt),
        "without WKT": Grid(rows, columns, "m", CF),
        "degrees": Grid(*degrees, "degree"),
    }


def frames_on(grid: Grid) -> Frames:
    frames = storm(4, frames=2, height=HEIGHT, width=WIDTH)
    values = frames.reflectivity_dbz.copy()
    values[:, :3, :5] = np.nan
    return replace(frames, grid=grid, reflectivity_dbz=values)


@pytest.mark.parametrize("name", list(grids()))
def test_a_program_of_geography_finds_every_value_at_its_place(name: str, tmp_path: Path) -> None:
    grid = grids()[name]
    frames = frames_on(grid)
    write_geotiff(frames, tmp_path / "a.tif", {"model": "tiny/1"})
    with rasterio.open(tmp_path / "a.tif") as raster:
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert raster.tags()["model"] == "tiny/1"
        assert raster.descriptions == tuple(
            time.isoformat().replace("+00:00", "Z") for time in frames.times
        )
        to_raster = Transformer.from_crs("EPSG:4326", raster.crs, always_xy=True)
        for row, column in ((0, 0), (5, 30), (HEIGHT - 1, WIDTH - 1)):
            latitude, longitude = grid.earth.degrees(grid.y[row], grid.x[column])
            place = to_raster.transform(float(longitude), float(latitude))
            (values,) = raster.sample([place])
            np.testing.assert_array_equal(values, frames.reflectivity_dbz[:, row, column])
        assert raster.transform.e < 0 < raster.transform.a
        whole = raster.read()
    assert np.isnan(whole).sum() == np.isnan(frames.reflectivity_dbz).sum()


def test_without_a_place_the_file_has_none(tmp_path: Path) -> None:
    write_geotiff(frames_on(Grid.of_squares(HEIGHT, WIDTH, 1.0)), tmp_path / "a.tif", {})
    with rasterio.open(tmp_path / "a.tif") as raster:
        assert raster.crs is None
