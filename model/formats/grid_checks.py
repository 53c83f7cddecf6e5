"""Checks on a grid in an input file, the same for every format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ContractViolation, short
from echocast.model.frames import Grid

SPACING_TOLERANCE = 0.05  # share of a pixel's side
UNITS = {
    **dict.fromkeys(("m", "metre", "meter", "metres", "meters"), "m"),
    **dict.fromkeys(("km", "kilometre", "kilometer", "kilometres", "kilometers"), "km"),
    **dict.fromkeys(("degree", "degrees", "degrees_north", "degrees_east"), "degree"),
    **dict.fromkeys(("degree_north", "degree_east", "degrees_n", "degrees_e"), "degree"),
    **dict.fromkeys(("1", ""), "1"),
}


def checked_grid(
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    units: str,
    crs: Mapping[str, Any],
    where: str,
) -> Grid:
    """A grid whose coordinates are finite, monotonic and evenly spaced.

    Args:
        y: Pixel centres along rows, shape (height,).
        x: Pixel centres along columns, shape (width,).
        units: Any spelling of m, km, degree or 1.
        crs: CF grid-mapping attributes, may be empty.
        where: Names the place in messages.

    Raises:
        ContractViolation: Unknown units, or coordinates that make no grid.
    """
    known = UNITS.get(units.strip().lower())
    if known is None:
        raise ContractViolation(
            f"Coordinates must be in m, km, degrees or pixels, but those of {where} are in"
            f" {short(units)!r}.",
            rule="grid-units",
        )
    for name, values in (("y", y), ("x", x)):
        _check_spacing(values, f"{name} of {where}")
    return Grid(y=y, x=x, units=known, crs=crs)


def _check_spacing(values: NDArray[np.float64], where: str) -> None:
    if not np.isfinite(values).all():
        raise ContractViolation(f"Coordinate {where} has missing values.", rule="grid-spacing")
    steps = np.diff(values)
    if not len(steps):
        return
    mean = float(steps.mean())
    worst = int(np.argmax(np.abs(steps - mean)))
    if mean == 0 or abs(steps[worst] - mean) > SPACING_TOLERANCE * abs(mean):
        raise ContractViolation(
            f"Coordinates must be evenly spaced, but {where} steps by {steps[worst]:g} at pixel"
            f" {worst} where the mean step is {mean:g}.",
            rule="grid-spacing",
        )
