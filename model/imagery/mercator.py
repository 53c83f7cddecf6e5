"""Web Mercator (EPSG:3857): windows of the world as the maps of browsers cut it.

The sphere has the equatorial radius of WGS 84; x grows eastwards, y northwards, in metres. A tile
(zoom, x, y) is one of 4^zoom squares; x counts from 180 degrees west, y from the north.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from echocast.model.grid import Grid, outer_edges

RADIUS_M: Final = 6378137.0
HALF_WORLD_M: Final = np.pi * RADIUS_M
HIGHEST_LATITUDE: Final = 85.0511287798066  # where the square world ends
LARGEST_ZOOM: Final = 18
EDGE_POINTS: Final = 33  # of each side of a grid, by which its bounds are found

Metres = NDArray[np.float64]


@dataclass(frozen=True)
class MercatorWindow:
    """A part of the map, and how many pixels show it; row 0 is the northernmost.

    Args:
        west: Its left edge, in metres.
        south: Its lower edge.
        east: Its right edge.
        north: Its upper edge.
        height: Pixels from north to south.
        width: Pixels from west to east.
    """

    west: float
    south: float
    east: float
    north: float
    height: int
    width: int

    @classmethod
    def tile(cls, zoom: int, x: int, y: int, size: int) -> Self:
        """A tile of ``size`` x ``size`` pixels."""
        side = 2 * HALF_WORLD_M / 2**zoom
        west, north = -HALF_WORLD_M + x * side, HALF_WORLD_M - y * side
        return cls(west, north - side, west + side, north, size, size)

    @classmethod
    def around(cls, latitude: float, longitude: float, zoom: int, size: int) -> Self:
        """A window of the size of a tile with a place in its middle."""
        half = HALF_WORLD_M / 2**zoom
        x, y = (float(v) for v in to_metres(latitude, longitude))
        return cls(x - half, y - half, x + half, y + half, size, size)

    @classmethod
    def of_grid(cls, grid: Grid, largest_side: int) -> Self | None:
        """The window that a whole grid fills; None where it has no place on a map.

        Args:
            grid: Where the pixels are.
            largest_side: Most pixels along either side; usually as many as the grid has.
        """
        edges = _outline(grid)
        if edges is None:
            return None
        x, y = edges
        west, east, south, north = float(x.min()), float(x.max()), float(y.min()), float(y.max())
        pixels = min(largest_side, max(grid.shape))
        side = max(east - west, north - south) / pixels
        height, width = (max(1, round(span / side)) for span in (north - south, east - west))
        return cls(west, south, east, north, height, width)

    @property
    def degrees(self) -> dict[str, float]:
        """South, west, north and east in degrees; west may be below -180, east above 180."""
        south, north = (float(latitude_of(y)) for y in (self.south, self.north))
        west, east = (float(np.rad2deg(x / RADIUS_M)) for x in (self.west, self.east))
        return {"south": south, "west": west, "north": north, "east": east}


def to_metres(latitude: Any, longitude: Any) -> tuple[Metres, Metres]:
    """x and y of places in degrees; latitudes beyond the square world lie on its edge."""
    north = np.clip(np.asarray(latitude, float), -HIGHEST_LATITUDE, HIGHEST_LATITUDE)
    y = RADIUS_M * np.arcsinh(np.tan(np.deg2rad(north)))
    return RADIUS_M * np.deg2rad(np.asarray(longitude, float)), y


def latitude_of(y: Any) -> Metres:
    """Degrees north of a y in metres."""
    degrees: Metres = np.rad2deg(np.arctan(np.sinh(np.asarray(y, float) / RADIUS_M)))
    return degrees


def _outline(grid: Grid) -> tuple[Metres, Metres] | None:
    """x and y, in metres, of points along the outer edge of a grid and across it."""
    if grid.earth is None or min(grid.shape) < 2:
        return None
    rows, columns = (_spread(axis) for axis in (grid.y, grid.x))
    y, x = np.meshgrid(rows, columns, indexing="ij")
    latitude, longitude = grid.earth.degrees(y.ravel(), x.ravel())
    known = np.isfinite(latitude) & np.isfinite(longitude)
    if not known.any():
        return None
    east = longitude[known]
    turned = east[len(east) // 2] + (east - east[len(east) // 2] + 180) % 360 - 180
    return to_metres(latitude[known], turned)


def _spread(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates from one outer edge of the pixels to the other."""
    return np.linspace(*outer_edges(axis), EDGE_POINTS)
