"""Where on earth a grid lies: the box of its latitudes and longitudes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.grid import Grid

Degrees = NDArray[np.float64]


def outline(grid: Grid) -> dict[str, Any]:
    """The box as ACDD 1.3 attributes; empty where the grid does not say where it is.

    Over the date line the eastern limit is the smaller number, as ACDD asks.
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
        north, east = _edge(grid.latitude), _edge(grid.longitude)
    elif grid.earth is not None:
        y, x = (_edge(part) for part in np.meshgrid(grid.y, grid.x, indexing="ij"))
        north, east = grid.earth.degrees(y, x)
    else:
        return None
    north, east = (np.where(np.isfinite(part), part, np.nan) for part in (north, east))
    return north, np.unwrap(east, period=360)


def _edge(values: NDArray[Any]) -> Degrees:
    """Values along the edge, once around."""
    parts = (values[0], values[1:, -1], values[-1, ::-1][1:], values[::-1, 0][1:])
    return np.concatenate(parts).astype(np.float64)
