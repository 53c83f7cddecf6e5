"""Which pixel of a grid a place lies in."""

from __future__ import annotations

from typing import Any

import numpy as np

from echocast.model.errors import ContractViolation
from echocast.model.grid import Grid
from echocast.model.place.earth import distance_km


def grid_pixel(grid: Grid, latitude: float, longitude: float) -> tuple[int, int]:
    """Row and column of the pixel that a place lies in.

    By the grid's projection; without one, by the latitude and longitude of each pixel.

    Raises:
        ContractViolation: The grid does not say where it is, or the place is outside of it.
    """
    if grid.earth is not None:
        y, x = grid.earth.coordinates(latitude, longitude, float(grid.x.mean()))
        row, column = _nearest(grid.y, y), _nearest(grid.x, x)
    elif grid.latitude is not None:
        row, column = _nearest_of_all(grid, latitude, longitude)
    else:
        raise ContractViolation(
            "The stream's grid does not say where on earth it is: it has neither a projection nor"
            " the latitude and longitude of each pixel.",
            rule="place",
        )
    if row is None or column is None:
        raise ContractViolation(
            f"Latitude {latitude:g}, longitude {longitude:g} is outside the stream's grid.",
            rule="place",
        )
    return row, column


def _nearest_of_all(
    grid: Grid, latitude: float, longitude: float
) -> tuple[int, int] | tuple[None, None]:
    """The pixel whose centre is nearest; none further away than a pixel's side."""
    if grid.latitude is None or grid.longitude is None or grid.pixel_size_km is None:
        return None, None
    places = np.stack([grid.latitude, grid.longitude]).astype(np.float64)
    here = np.array([latitude, longitude]).reshape(2, 1, 1)
    apart = distance_km(places, here)
    if not np.isfinite(apart).any():
        return None, None
    row, column = (int(i) for i in np.unravel_index(np.nanargmin(apart), apart.shape))
    return (row, column) if apart[row, column] <= grid.pixel_size_km else (None, None)


def _nearest(centres: Any, value: float) -> int | None:
    """Index of the nearest centre; None further than half a pixel from all."""
    if not np.isfinite(value):
        return None
    index = int(np.argmin(np.abs(centres - value)))
    half = abs(float(centres[-1] - centres[0])) / (len(centres) - 1) / 2
    return index if abs(float(centres[index]) - value) <= half * 1.001 else None
