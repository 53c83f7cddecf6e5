"""Maps with north at the top and east at the right, whatever the order of rows and columns."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echocast.model.grid import FloatArray, Grid, outer_edges

SAMPLE = 64  # pixels along the shorter side from which north is worked out


@dataclass(frozen=True)
class Turn:
    """How a field is turned.

    Args:
        transposed: Whether rows become columns, before all else.
        rows: -1 where the last row comes first, else 1.
        columns: -1 where the last column comes first, else 1.
    """

    transposed: bool = False
    rows: int = 1
    columns: int = 1

    def applied(self, values: FloatArray) -> FloatArray:
        """A field (..., y, x), turned."""
        swapped = np.swapaxes(values, -1, -2) if self.transposed else values
        return swapped[..., :: self.rows, :: self.columns]


def north_up(values: FloatArray, grid: Grid) -> FloatArray:
    """A field (..., y, x) turned so that north is at the top and east at the right.

    Plain pixels of which nobody knows the place have no north: row 0 stays at the top.
    """
    return turn_to_north(grid).applied(values)


def turn_to_north(grid: Grid) -> Turn:
    """The turn that puts north to the top: by coordinates on earth, else by those of each pixel."""
    by_axes = grid.units == "degree" or (bool(grid.crs) and grid.units != "1")
    if not by_axes and (turn := _by_geolocation(grid)) is not None:
        return turn
    if grid.units == "1":
        return Turn()
    rows = -1 if grid.y[0] < grid.y[-1] else 1
    columns = -1 if grid.x[0] > grid.x[-1] else 1
    return Turn(rows=rows, columns=columns)


def map_extent(grid: Grid) -> tuple[float, float, float, float]:
    """Left, right, bottom, top of the map in the grid's units, north at the top."""
    turn = turn_to_north(grid)
    across, down = (grid.y, grid.x) if turn.transposed else (grid.x, grid.y)
    left, right = outer_edges(across)[:: turn.columns]
    top, bottom = outer_edges(down)[:: turn.rows]
    return left, right, bottom, top


def _by_geolocation(grid: Grid) -> Turn | None:
    """Of the eight turns of a square, that with most north at the top; None where unknown."""
    if grid.latitude is None or grid.longitude is None or min(grid.shape) < 2:
        return None
    apart = max(1, min(grid.shape) // SAMPLE)
    few = slice(None, None, apart)
    down, across = _steps(grid.latitude[few, few], grid.longitude[few, few])
    if not np.isfinite([down, across]).all():
        return None

    def northness(turn: Turn) -> float:
        first, second = (across, down) if turn.transposed else (down, across)
        return float(-turn.rows * first[0] + turn.columns * second[1])

    turns = (Turn(*given) for given in itertools.product((False, True), (1, -1), (1, -1)))
    return max(turns, key=northness)


def _steps(latitude: FloatArray, longitude: FloatArray) -> NDArray[np.float64]:
    """(north, east) of a step down a column and of one along a row, each of length one."""
    narrowing = np.cos(np.deg2rad(latitude.astype(np.float64)))
    steps = []
    for axis in (0, 1):
        north = np.diff(latitude.astype(np.float64), axis=axis)
        east = np.diff(longitude.astype(np.float64), axis=axis)
        east = (east + 180) % 360 - 180  # over the date line
        beside = narrowing[:-1] if axis == 0 else narrowing[:, :-1]
        known = np.isfinite(north) & np.isfinite(east)
        step = np.array([np.sum(north[known]), np.sum((east * beside)[known])])
        steps.append(step / (np.hypot(*step) or np.nan))
    return np.array(steps)
