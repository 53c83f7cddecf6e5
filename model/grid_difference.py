"""How two grids differ, in words for the person who sent the second one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echocast.model.grid import GEOLOCATION, SAME_DEGREES, Grid


def grid_difference(ours_grid: Grid, theirs_grid: Grid) -> str:
    """The first difference between two grids that are not the same, as half a sentence."""
    if ours_grid.shape != theirs_grid.shape:
        return "theirs has {} x {} pixels, not {} x {}".format(*theirs_grid.shape, *ours_grid.shape)
    apart_km = ours_grid.furthest_km(theirs_grid)
    if ours_grid.units != theirs_grid.units and not np.isfinite(apart_km):
        return f"their coordinates are in {theirs_grid.units!r}, not {ours_grid.units!r}"
    if ours_grid.crs and theirs_grid.crs and not ours_grid.has_plane_of(theirs_grid):
        apart = f"the same pixel lies {apart_km:.3g} km away" if np.isfinite(apart_km) else ""
        return f"their projection is another: {apart or 'it is written in other words'}"
    for name in ("y", "x"):
        ours, theirs = getattr(ours_grid, name), getattr(theirs_grid, name)
        if (index := _first(ours, theirs)) is not None:
            there, here = f"{theirs[index]:.10g}", f"{ours[index]:.10g}"
            return f"their {name}[{index}] is {there}, not {here}"
    for name in GEOLOCATION:
        ours, theirs = getattr(ours_grid, name), getattr(theirs_grid, name)
        if ours is not None and theirs is not None:
            apart = abs(np.nan_to_num(ours) - np.nan_to_num(theirs))
            row, column = np.unravel_index(np.argmax(apart), apart.shape)
            if apart[row, column] > SAME_DEGREES:
                there, here = theirs[row, column], ours[row, column]
                return f"their {name}[{row}, {column}] is {there:.6g}, not {here:.6g}"
    return "their coordinates differ"


def grid_note(ours: Grid, theirs: Grid) -> dict[str, str]:
    """What a reader should know of frames that are put on a grid which is not quite theirs."""
    if ours.same_as(theirs):
        return {}
    return {
        "place": "Frames of the input lie up to one pixel beside each other; all are used as if"
        " they were on the grid of the first."
    }


def _first(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> int | None:
    """Where two axes differ first, as :meth:`echocast.model.grid.Grid.same_as` compares them."""
    apart = np.flatnonzero(~np.isclose(theirs, ours, rtol=1e-6, atol=1e-6))
    return int(apart[0]) if len(apart) else None
