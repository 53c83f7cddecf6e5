"""Latitude and longitude of each pixel of a NetCDF field, where the file has them."""

from __future__ import annotations

import netCDF4
import numpy as np

from echocast.model.errors import ContractViolation
from echocast.model.formats.grid_checks import DEGREES_EAST, DEGREES_NORTH
from echocast.model.formats.netcdf.access import Variable
from echocast.model.formats.netcdf.directions import LATITUDES, LONGITUDES, bare, text
from echocast.model.formats.packing import check_packing
from echocast.model.grid import FloatArray, Grid

KINDS = (("latitude", DEGREES_NORTH, LATITUDES), ("longitude", DEGREES_EAST, LONGITUDES))


def geolocation(
    dataset: netCDF4.Dataset,
    variable: Variable,
    dimensions: tuple[str, str],
    window: tuple[slice, slice],
    *,
    placed: bool,
) -> tuple[FloatArray, FloatArray] | tuple[None, None]:
    """Latitude and longitude of each pixel, (height, width); None where there are not both.

    They are those that the field names as coordinates; where it names none and nothing else
    places its pixels, the only ones of the file on the field's dimensions.

    Args:
        dataset: An open file.
        variable: The field.
        dimensions: Names of the dimensions along rows and columns.
        window: Rows and columns to read.
        placed: Whether something else places the pixels.
    """
    fitting = [v for v in dataset.variables.values() if _fits(v, dimensions)]
    listed = str(getattr(variable, "coordinates", "")).split()
    for candidates in ([v for v in fitting if v.name in listed], [] if placed else fitting):
        kinds = [[v for v in candidates if _kind(v) == kind] for kind, _, _ in KINDS]
        alike = len({v.dimensions for of_kind in kinds for v in of_kind}) == 1
        if alike and all(len(of_kind) == 1 for of_kind in kinds):
            north, east = (_degrees(of_kind[0], dimensions, window) for of_kind in kinds)
            return north, east
    return None, None


def check_agreement(grid: Grid, where: str) -> None:
    """Check that latitudes and longitudes are where the projection puts the pixels.

    Raises:
        ContractViolation: They lie more than a pixel away.
    """
    apart, side = grid.contradiction_km(), grid.pixel_size_km
    if side is not None and apart > side:
        raise ContractViolation(
            f"Latitude and longitude must be where the projection puts the pixels, but those of"
            f" {where} lie up to {apart:.3g} km away; correct or leave out one of both.",
            rule="place",
        )


def _fits(variable: Variable, dimensions: tuple[str, str]) -> bool:
    """Whether a variable has a value for each pixel, besides dimensions of length one."""
    lengths = zip(variable.dimensions, variable.shape, strict=True)
    others = [n for d, n in lengths if d not in dimensions]
    return set(dimensions) <= set(variable.dimensions) and all(n == 1 for n in others)


def _kind(variable: Variable) -> str | None:
    """``latitude`` or ``longitude``, by standard name, units or name; None: neither."""
    standard_name, units, name = text(variable, "standard_name"), text(variable, "units"), ""
    if not standard_name and units not in DEGREES_NORTH | DEGREES_EAST:
        name = bare(variable.name)
    for kind, degrees, names in KINDS:
        if standard_name == kind or (not standard_name and units in degrees) or name in names:
            return kind
    return None


def _degrees(
    variable: Variable, dimensions: tuple[str, str], window: tuple[slice, slice]
) -> FloatArray:
    check_packing(variable, "the file")
    parts = dict(zip(dimensions, window, strict=True))
    index = tuple(parts.get(dimension, 0) for dimension in variable.dimensions)
    values = np.ma.asarray(variable[index], dtype=np.float32)
    degrees: FloatArray = np.asarray(values.filled(np.nan), dtype=np.float32)
    order = [d for d in variable.dimensions if d in dimensions]
    return degrees if order == list(dimensions) else np.ascontiguousarray(degrees.T)
