"""Where pixels are, in the words of pysteps: outer borders in the unit of a PROJ text."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ContractViolation
from echocast.model.grid import KM_PER_UNIT, Grid, outer_edges
from echocast.model.place.projection_text import mapping_crs

LONGITUDE_LATITUDE = "+proj=longlat +datum=WGS84 +no_defs"


def grid_metadata(grid: Grid) -> dict[str, Any]:
    """Outer borders and projection as of pysteps' importers, in metres or degrees.

    Raises:
        ContractViolation: The grid does not say where it lies.
    """
    scale = pysteps_scale(grid)
    (x1, x2, width), (y1, y2, height) = (_borders(axis * scale) for axis in (grid.x, grid.y))
    return {
        "projection": projection(grid),
        **{"x1": x1, "x2": x2, "xpixelsize": width},
        **{"y1": y1, "y2": y2, "ypixelsize": height},
        "yorigin": "upper" if descends(grid.y) else "lower",
        "cartesian_unit": cartesian_unit(grid),
    }


def pysteps_scale(grid: Grid) -> float:
    """Factor of coordinates to the unit of their projection.

    Raises:
        ContractViolation: The grid does not say where it lies.
    """
    if grid.units == "1" or not (grid.crs or grid.units == "degree"):
        raise ContractViolation(
            "pysteps needs a projection and its coordinates, but there are none.", rule="grid"
        )
    return 1.0 if grid.units == "degree" else 1000 * KM_PER_UNIT[grid.units]


def cartesian_unit(grid: Grid) -> str:
    """The unit of pysteps' coordinates."""
    return "degrees" if grid.units == "degree" else "m"


def projection(grid: Grid) -> str:
    """As PROJ text, the only form that pysteps reads."""
    if not grid.crs:
        return LONGITUDE_LATITUDE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # PROJ text has no names of what it says
        return str(mapping_crs(grid.crs).to_proj4())


def descends(axis: NDArray[np.float64]) -> bool:
    """Whether coordinates go down."""
    return bool(axis[0] > axis[-1])


def _borders(centres: NDArray[np.float64]) -> tuple[float, float, float]:
    """Lower and upper border and size of pixels, from their centres."""
    lower, upper = sorted(outer_edges(centres))
    return lower, upper, (upper - lower) / len(centres)
