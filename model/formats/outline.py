"""Where on earth a grid lies: the box of its latitudes and longitudes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.grid import KM_PER_UNIT, Grid
from echocast.model.projection_text import mapping_crs

Degrees = NDArray[np.float64]


def outline(grid: Grid) -> dict[str, Any]:
    """The box as ACDD 1.3 attributes; empty where the grid does not say where it is.

    Over the date line the eastern limit is the smaller number, as ACDD asks.

    Args:
        grid: Of a forecast.
    """
    known = _edge_degrees(grid)
    if known is None or not all(np.isfinite(part).any() for part in known):
        return {}
    north, east = known
    western = float(np.nanmin(east))
    return {
        "geospatial_lat_min": round(float(np.nanmin(north)), 5),
        "geospatial_lat_max": round(float(np.nanmax(north)), 5),
        "geospatial_lat_units": "degrees_north",
        "geospatial_lon_min": round(_within(western), 5),
        "geospatial_lon_max": round(_within(float(np.nanmax(east))), 5),
        "geospatial_lon_units": "degrees_east",
    }


def _within(degrees_east: float) -> float:
    """From -180 to 180."""
    return degrees_east if -180 <= degrees_east <= 180 else (degrees_east + 180) % 360 - 180


def _edge_degrees(grid: Grid) -> tuple[Degrees, Degrees] | None:
    """Latitude and longitude of the pixel centres along the edge, without jumps."""
    if grid.latitude is not None and grid.longitude is not None:
        return _edge(grid.latitude), np.unwrap(_edge(grid.longitude), period=360)
    if grid.units == "1" or not (grid.crs or grid.units == "degree"):
        return None
    y, x = (_edge(part) for part in np.meshgrid(grid.y, grid.x, indexing="ij"))
    if grid.units == "degree" and not _is_projected(grid):
        return y, x
    return _unprojected(grid, y, x)


def _is_projected(grid: Grid) -> bool:
    return bool(grid.crs) and grid.crs.get("grid_mapping_name") != "latitude_longitude"


def _unprojected(grid: Grid, y: Degrees, x: Degrees) -> tuple[Degrees, Degrees]:
    from pyproj import Proj

    crs = mapping_crs(grid.crs)
    unit = crs.axis_info[0].unit_conversion_factor if grid.units in KM_PER_UNIT else 1.0
    scale = 1000 * KM_PER_UNIT[grid.units] / unit if grid.units in KM_PER_UNIT else 1.0
    east, north = Proj(crs)(x * scale, y * scale, inverse=True)  # the datum moves it by metres
    return np.where(np.isfinite(north), north, np.nan), np.unwrap(
        np.where(np.isfinite(east), east, np.nan), period=360
    )


def _edge(values: NDArray[Any]) -> Degrees:
    """Values along the edge, once around."""
    parts = (values[0], values[1:, -1], values[-1, ::-1][1:], values[::-1, 0][1:])
    return np.concatenate(parts).astype(np.float64)
