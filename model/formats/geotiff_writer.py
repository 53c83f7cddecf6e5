"""Forecasts as GeoTIFF, cloud optimised, as programs of geography open them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from echocast.model.forecast import Forecast
from echocast.model.formats.rasters import ALONE
from echocast.model.formats.time_text import iso_text
from echocast.model.frames import Frames
from echocast.model.grid import Grid, outer_edges
from echocast.model.place.earth import in_metres
from echocast.model.place.projection_text import mapping_crs

if TYPE_CHECKING:
    from rasterio import Affine

COG: Final = {
    "driver": "COG",
    "compress": "DEFLATE",
    "predictor": "YES",
    "overview_resampling": "NEAREST",  # a mean of dBZ is none, and missing is not dry
}
DEGREES: Final = "EPSG:4326"


def write_forecast_geotiff(forecast: Forecast, path: Path, product: str = "default") -> None:
    """Write the frames of a forecast, with its model, reference time and licence as tags.

    Args:
        forecast: Whose frames are those of the product.
        path: The new file.
        product: What the frames are.
    """
    given = forecast.frames.attributes
    facts = {
        "product": product,
        "forecast_reference_time": iso_text(forecast.forecast_reference_time),
        "model": f"{forecast.model.name}/{forecast.model.version}",
        "licence": given.get("license") or "",
        "attribution": given.get("acknowledgement") or "",
    }
    write_geotiff(forecast.frames, path, facts)


def write_geotiff(frames: Frames, path: Path, facts: Mapping[str, str]) -> None:
    """Write frames, one band a time: dBZ as 32-bit numbers, NaN where missing, north up.

    Args:
        frames: On an evenly spaced grid; without a place on earth the file has none either.
        path: The new file.
        facts: What else is known, as tags.
    """
    import rasterio

    values = frames.reflectivity_dbz[:, *_north_up(frames.grid)]
    height, width = frames.grid.shape
    with (
        rasterio.Env(**ALONE),
        rasterio.open(
            path,
            "w",
            count=len(values),
            height=height,
            width=width,
            dtype="float32",
            nodata=np.nan,
            crs=_crs(frames.grid),
            transform=_transform(frames.grid),
            **COG,
        ) as raster,
    ):
        raster.update_tags(**facts, quantity="reflectivity", units="dBZ")
        for band, (time, plane) in enumerate(zip(frames.times, values, strict=True), start=1):
            raster.write(plane, band)
            raster.set_band_description(band, iso_text(time))
            raster.update_tags(band, valid_time=iso_text(time), units="dBZ")


def _north_up(grid: Grid) -> tuple[slice, slice]:
    """Rows from north to south, columns from west to east."""
    south_first, east_first = grid.y[0] < grid.y[-1], grid.x[0] > grid.x[-1]
    return slice(None, None, -1 if south_first else 1), slice(None, None, -1 if east_first else 1)


def _transform(grid: Grid) -> Affine:
    """From pixels, counted from the upper left corner, to the coordinates of the projection."""
    from rasterio.transform import from_bounds

    unit = grid.earth.unit if grid.earth else 1.0
    (west, east), (south, north) = (sorted(outer_edges(axis * unit)) for axis in (grid.x, grid.y))
    height, width = grid.shape
    return from_bounds(west, south, east, north, width, height)


def _crs(grid: Grid) -> str | None:
    """The projection as text; None where the grid has no place on earth."""
    if grid.earth is None:
        return None
    if not grid.crs:
        return DEGREES
    return mapping_crs(in_metres(grid.crs, grid.units)).to_wkt()
