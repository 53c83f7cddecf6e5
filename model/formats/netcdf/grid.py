"""Where the pixels of a NetCDF variable are: coordinates and grid mapping, both optional."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.grid_checks import UNITS, checked_grid
from echocast.model.formats.kilometres import in_true_units
from echocast.model.formats.netcdf.access import Variable
from echocast.model.formats.netcdf.directions import (
    LATITUDES,
    LONGITUDES,
    bare,
    coordinate,
    text,
)
from echocast.model.formats.netcdf.geolocation import geolocation
from echocast.model.formats.packing import check_packing
from echocast.model.formats.projections import named
from echocast.model.frames import joined_notes
from echocast.model.grid import Grid


def read_grid(
    dataset: netCDF4.Dataset,
    variable: Variable,
    dimensions: tuple[str, str],
    window: tuple[slice, slice] = (slice(None), slice(None)),
) -> tuple[Grid, dict[str, str]]:
    """The grid of a variable's (y, x) dimensions, cut to a window.

    Args:
        dataset: An open file.
        variable: The field; its ``grid_mapping`` is followed.
        dimensions: Names of the dimensions along rows and columns.
        window: Rows and columns to read.

    Returns:
        The grid, plain pixels where the file has no coordinates; and notes, see
        :class:`echocast.model.frames.Frames`.

    Raises:
        ContractViolation: Unknown units, or coordinates that make no grid.
    """
    grid, notes = _axes_grid(dataset, variable, dimensions, window)
    placed = bool(grid.crs) or grid.units == "degree"
    latitude, longitude = geolocation(dataset, variable, dimensions, window, placed=placed)
    return replace(grid, latitude=latitude, longitude=longitude), notes


def written_grid(dataset: netCDF4.Dataset, variable: Variable) -> Grid:
    """The grid of a forecast file as :func:`.cf_layout.write_grid` wrote it, by any version.

    Args:
        dataset: An open file.
        variable: One of its fields (..., y, x).
    """
    axes = [dataset.variables[name] for name in ("y", "x")]
    y, x = (_values(axis, slice(None)) for axis in axes)
    mapping, _ = _grid_mapping(dataset, variable, ("y", "x"))
    whole = (slice(None), slice(None))
    latitude, longitude = geolocation(dataset, variable, ("y", "x"), whole, placed=True)
    return Grid(y, x, _units(axes[0])[0], mapping, latitude, longitude)


def _axes_grid(
    dataset: netCDF4.Dataset,
    variable: Variable,
    dimensions: tuple[str, str],
    window: tuple[slice, slice],
) -> tuple[Grid, dict[str, str]]:
    """The grid by the coordinates of the two dimensions."""
    axes = [coordinate(dataset, name) for name in dimensions]
    where = f"variable {short(variable.name)!r}"
    if axes[0] is None or axes[1] is None:
        sizes = [
            len(range(len(dataset.dimensions[d]))[w])
            for d, w in zip(dimensions, window, strict=True)
        ]
        return Grid.of_pixels(sizes[0], sizes[1]), {}
    (y_units, y_note), (x_units, x_note) = (_units(axis) for axis in axes if axis is not None)
    if y_units != x_units:
        raise ContractViolation(
            f"Both coordinates of {where} must have the same units, but y is in"
            f" {short(y_units)!r} and x"
            f" in {short(x_units)!r}.",
            rule="grid-units",
        )
    y, x = _values(axes[0], window[0]), _values(axes[1], window[1])
    mapping, mapping_note = _grid_mapping(dataset, variable, (axes[0].name, axes[1].name))
    units, mapping, length_note = in_true_units(y, x, y_units, mapping)
    grid = checked_grid(y, x, units, mapping, where)
    if mapping and grid.units == "1":
        x_note = {"place": "Coordinates without units place no pixel; the projection is unused."}
    return grid, joined_notes([y_note, x_note, mapping_note, length_note])


def _units(axis: Variable) -> tuple[str, dict[str, str]]:
    """Units of a coordinate; degrees where it has none and is a latitude or longitude."""
    units = str(getattr(axis, "units", "")).strip(" \t\n\0")
    name = text(axis, "standard_name") or bare(axis.name)
    if not units and name in LATITUDES | LONGITUDES:
        return "degree", {"place": "Latitudes and longitudes without units are in degrees."}
    return UNITS.get(units.lower(), units), {}


def _values(axis: Variable, window: slice) -> NDArray[np.float64]:
    check_packing(axis, "the file")
    values = np.ma.asarray(axis[window], dtype=np.float64)
    return np.asarray(values.filled(np.nan), dtype=np.float64)


def _grid_mapping(
    dataset: netCDF4.Dataset, variable: Variable, axes: tuple[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Attributes of the grid-mapping variable as plain values; empty where there is none."""
    name = _mapping_name(str(getattr(variable, "grid_mapping", "")), axes)
    if name not in dataset.variables:
        note = {"place": "The file names a grid mapping that it does not hold."} if name else {}
        return {}, note
    mapping = dataset.variables[name]
    attributes = {a: _plain(mapping.getncattr(a)) for a in mapping.ncattrs() if a[0] != "_"}
    return named({a: value for a, value in attributes.items() if value not in ("", [])}), {}


def _mapping_name(text: str, axes: tuple[str, str]) -> str:
    """The mapping of two coordinates: ``crs``, or ``crs: y x other: lat lon`` (CF 5.6)."""
    pairs = re.findall(r"(\w+)\s*:\s*([^:]*?)(?=\s+\w+\s*:|$)", text)
    for name, coordinates in pairs:
        if set(axes) <= set(coordinates.split()):
            return str(name)
    return str(pairs[0][0]) if pairs else text.strip()


def _plain(value: Any) -> Any:
    """An attribute as JSON knows it."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
