"""Checks on a grid in an input file, the same for every format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ContractViolation, InputTooLarge, short
from echocast.model.grid import Grid

MOST_PIXELS = 65_536  # along a side
SPACING_TOLERANCE = 0.05  # share of a pixel's side
DEGREES_NORTH = frozenset(
    ("degrees_north", "degree_north", "degrees_n", "degree_n", "degreesn", "degreen")
)
DEGREES_EAST = frozenset(
    ("degrees_east", "degree_east", "degrees_e", "degree_e", "degreese", "degreee")
)
UNITS = {
    **dict.fromkeys(("m", "metre", "meter", "metres", "meters"), "m"),
    **dict.fromkeys(("km", "kilometre", "kilometer", "kilometres", "kilometers"), "km"),
    **dict.fromkeys(("degree", "degrees", "deg", *DEGREES_NORTH, *DEGREES_EAST), "degree"),
    **dict.fromkeys(("1", ""), "1"),
}


def check_side(pixels: int, where: str) -> None:
    """Check the side of a whole image, of which a part is read, before its coordinates are made.

    Raises:
        InputTooLarge: No composite has so many.
    """
    if pixels > MOST_PIXELS:
        raise InputTooLarge(
            f"{where} claims {pixels} pixels along a side; at most {MOST_PIXELS} are allowed."
        )


def centres(edge: float, side: float, count: int) -> NDArray[np.float64]:
    """Pixel centres along an axis.

    Args:
        edge: Outer edge of the first pixel.
        side: Of a pixel; negative where coordinates fall.
        count: Pixels.

    Returns:
        Shape (count,), rounded to a millionth of the unit.

    Raises:
        InputTooLarge: There are too many.
    """
    check_side(count, "An image")
    with np.errstate(invalid="ignore", over="ignore"):  # of damaged numbers: see checked_grid
        along = edge + (np.arange(count, dtype=np.float64) + 0.5) * side
    return np.asarray(np.round(along, 6), dtype=np.float64)


def checked_grid(
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    units: str,
    crs: Mapping[str, Any],
    where: str,
) -> Grid:
    """A grid whose coordinates are finite, monotonic and evenly spaced, over the date line too.

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
    if known == "degree":
        x = _unwrapped(x)
        _check_latitudes(y, crs, where)
    for name, values in (("y", y), ("x", x)):
        _check_spacing(values, f"{name} of {where}")
    return Grid(y=y, x=x, units=known, crs=crs)


def _unwrapped(longitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Longitudes that run on over the date line, where those of the file jump there."""
    jumps = np.isfinite(longitudes).all() and (np.abs(np.diff(longitudes)) > 180).any()
    return np.unwrap(longitudes, period=360) if jumps else longitudes


def _check_latitudes(y: NDArray[np.float64], crs: Mapping[str, Any], where: str) -> None:
    furthest = float(np.max(np.abs(y), initial=0.0))
    if furthest > 90 and crs.get("grid_mapping_name") in (None, "latitude_longitude"):
        raise ContractViolation(
            f"Latitudes must lie in -90..90 degrees, but y of {where} reaches {furthest:g}; say by"
            " degrees_north and degrees_east which axis is which.",
            rule="grid",
        )


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
