"""How two grids differ, in words for the person who sent the second one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echocast.model.grid import GEOLOCATION, SAME_DEGREES, Grid


def grid_difference(ours_grid: Grid, theirs_grid: Grid) -> str:
    """The first difference between two grids that are not the same, as half a sentence."""
    if ours_grid.shape != theirs_grid.shape:
        return "theirs has {} x {} pixels, not {} x {}".format(*theirs_grid.shape, *ours_grid.shape)
    if ours_grid.units != theirs_grid.units:
        return f"their coordinates are in {theirs_grid.units!r}, not {ours_grid.units!r}"
    for name in ("y", "x"):
        ours, theirs = getattr(ours_grid, name), getattr(theirs_grid, name)
        if (index := _first(ours, theirs)) is not None:
            return f"their {name}[{index}] is {theirs[index]:.10g}, not {ours[index]:.10g}"
    for name in GEOLOCATION:
        ours, theirs = getattr(ours_grid, name), getattr(theirs_grid, name)
        if ours is not None and theirs is not None:
            apart = abs(np.nan_to_num(ours) - np.nan_to_num(theirs))
            row, column = np.unravel_index(np.argmax(apart), apart.shape)
            if apart[row, column] > SAME_DEGREES:
                there, here = theirs[row, column], ours[row, column]
                return f"their {name}[{row}, {column}] is {there:.6g}, not {here:.6g}"
    return "their coordinates differ"


def _first(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> int | None:
    """Where two axes differ first, as :meth:`echocast.model.frames.Grid.same_as` compares them."""
    apart = np.flatnonzero(~np.isclose(theirs, ours, rtol=1e-6, atol=1e-6))
    return int(apart[0]) if len(apart) else None
