"""Where the pixels of a NetCDF variable are: coordinates and grid mapping, both optional."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.grid_checks import UNITS, checked_grid
from echocast.model.formats.netcdf_access import Variable
from echocast.model.formats.packing import check_packing
from echocast.model.formats.projections import cf_attributes, completed
from echocast.model.grid import GEOLOCATION, FloatArray, Grid
from echocast.model.projection_text import check_mapping, parsed_crs


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
    grid = _axes_grid(dataset, variable, dimensions, window)
    latitude, longitude = _geolocation(dataset, variable, dimensions, window)
    return replace(grid, latitude=latitude, longitude=longitude), {}


def _axes_grid(
    dataset: netCDF4.Dataset,
    variable: Variable,
    dimensions: tuple[str, str],
    window: tuple[slice, slice],
) -> Grid:
    """The grid by the coordinates of the two dimensions."""
    axes = [dataset.variables.get(name) for name in dimensions]
    where = f"variable {short(variable.name)!r}"
    if axes[0] is None or axes[1] is None:
        sizes = [
            len(range(len(dataset.dimensions[d]))[w])
            for d, w in zip(dimensions, window, strict=True)
        ]
        return Grid.of_pixels(sizes[0], sizes[1])
    y_units, x_units = (_units(axis) for axis in axes if axis is not None)
    if y_units != x_units:
        raise ContractViolation(
            f"Both coordinates of {where} must have the same units, but y is in"
            f" {short(y_units)!r} and x"
            f" in {short(x_units)!r}.",
            rule="grid-units",
        )
    y, x = _values(axes[0], window[0]), _values(axes[1], window[1])
    return checked_grid(y, x, y_units, _grid_mapping(dataset, variable), where)


def _geolocation(
    dataset: netCDF4.Dataset,
    variable: Variable,
    dimensions: tuple[str, str],
    window: tuple[slice, slice],
) -> tuple[FloatArray, FloatArray] | tuple[None, None]:
    """Latitude and longitude of each pixel, where the variable names both as coordinates."""
    by_kind: dict[str, FloatArray] = {}
    for name in str(getattr(variable, "coordinates", "")).split():
        degrees = dataset.variables.get(name)
        kind = getattr(degrees, "standard_name", "")
        if degrees is not None and kind in GEOLOCATION and degrees.dimensions == dimensions:
            check_packing(degrees, "the file")
            values = np.ma.asarray(degrees[window], dtype=np.float32)
            by_kind[kind] = np.asarray(values.filled(np.nan), dtype=np.float32)
    if len(by_kind) < len(GEOLOCATION):
        return None, None
    return by_kind["latitude"], by_kind["longitude"]


def _units(axis: Variable) -> str:
    units = str(getattr(axis, "units", "1"))
    return UNITS.get(units.strip().lower(), units)


def _values(axis: Variable, window: slice) -> NDArray[np.float64]:
    check_packing(axis, "the file")
    values = np.ma.asarray(axis[window], dtype=np.float64)
    return np.asarray(values.filled(np.nan), dtype=np.float64)


def _grid_mapping(dataset: netCDF4.Dataset, variable: Variable) -> dict[str, Any]:
    """Attributes of the grid-mapping variable as plain values; empty where there is none."""
    name = str(getattr(variable, "grid_mapping", "")).split(":")[0].strip()
    if name not in dataset.variables:
        return {}
    mapping = dataset.variables[name]
    attributes = {a: _plain(mapping.getncattr(a)) for a in mapping.ncattrs() if a[0] != "_"}
    return named({a: value for a, value in attributes.items() if value not in ("", [])})


def named(crs: Mapping[str, Any]) -> dict[str, Any]:
    """A grid mapping with its ``grid_mapping_name``, read from the WKT where it has only that.

    Raises:
        ContractViolation: A text of it could name a file, or its WKT is none.
    """
    wkt = crs.get("crs_wkt") or crs.get("spatial_ref")
    check_mapping(crs)
    if "grid_mapping_name" in crs or not wkt:
        return completed(dict(crs))
    return {**cf_attributes(parsed_crs(str(wkt))), **crs}


def _plain(value: Any) -> Any:
    """An attribute as JSON knows it."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
