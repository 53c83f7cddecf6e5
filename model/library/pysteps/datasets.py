"""Radar in the data model of pysteps 2.0, as its branch ``xarray`` has it, and back.

pysteps 2.0 was never installed here: the form is that of ``pysteps/xarray_helpers.py`` of that
branch. One variable, which the attribute ``precip_var`` names; coordinates ``x``, ``y`` and
``time`` with an attribute ``stepsize`` (seconds for time); a projection as PROJ text.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import xarray as xr

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.projections import cf_attributes
from echocast.model.frames import Frames
from echocast.model.grid import Grid, Places
from echocast.model.library.given_arrays import grid_mapping_of
from echocast.model.library.pysteps.places import cartesian_unit, projection, pysteps_scale
from echocast.model.library.pysteps.values import PystepsValues, lowest_rain
from echocast.model.library.reading import to_data_array
from echocast.model.place.projection_text import parsed_crs
from echocast.model.reflectivity import NO_RAIN_DBZ

AXES: Final = ("time", "y", "x")
OURS: Final = {"m": "m", "km": "km", "degrees": "degree", "degree": "degree"}
RELATION: Final = ("zr_a", "zr_b")


def to_dataset(radar: xr.DataArray | xr.Dataset, variable: str = "reflectivity") -> xr.Dataset:
    """Radar or a forecast as pysteps 2.0 has it.

    Args:
        radar: As :func:`echocast.read` or :func:`echocast.nowcast` give it, two frames or more,
            with a projection.
        variable: Of a forecast: which of its fields.

    Returns:
        ``reflectivity`` (time, y, x) in dBZ, NaN where missing, ``zerovalue`` where dry, with
        ``threshold``; ``y`` and ``x`` ascending, in metres or degrees; ``lat`` and ``lon``.

    Raises:
        ContractViolation: There is no such field, one frame only, or no projection.
    """
    array = _field(radar, variable).transpose(*AXES)
    grid = _grid(array)
    zero = float(array.attrs.get("no_rain_value", NO_RAIN_DBZ))
    attributes = {
        **{"units": "dBZ", "transform": "dB", "zerovalue": zero},
        "threshold": lowest_rain(array.values, zero),
        "standard_name": "equivalent_reflectivity_factor",
        "long_name": "equivalent reflectivity factor",
        **{name: float(array.attrs[name]) for name in RELATION if name in array.attrs},
    }
    dataset = xr.Dataset(
        {"reflectivity": (AXES, array.values.astype(np.float64), attributes)},
        _coordinates(array, grid),
        {
            "Conventions": "CF-1.7",
            "institution": str(radar.attrs.get("institution", "not stated")),
            "projection": projection(grid),
            "precip_var": "reflectivity",
        },
    )
    return dataset.sortby(["y", "x"])


def from_dataset(dataset: xr.Dataset) -> xr.DataArray:
    """A Dataset of pysteps 2.0 as radar, for :func:`echocast.nowcast` and the others.

    Rates, amounts and what is transformed become reflectivity, by the relation in ``zr_a`` and
    ``zr_b``, or that of Marshall and Palmer.

    Args:
        dataset: (time, y, x) of ``precip_intensity``, ``precip_accum`` or ``reflectivity``, without
            an ensemble.

    Returns:
        As of :func:`echocast.read`: (time, y, x) in dBZ, NaN where missing.

    Raises:
        ContractViolation: It is no such Dataset.
    """
    field = _precipitation(dataset)
    stated = {**field.attrs, "unit": field.attrs.get("units")}
    zero = stated.get("zerovalue", NO_RAIN_DBZ) if stated["unit"] == "dBZ" else NO_RAIN_DBZ
    values = PystepsValues.of_metadata(stated)
    attributes = {
        **{name: str(stated[name]) for name in RELATION if stated.get(name) is not None},
        "institution": str(dataset.attrs.get("institution", "not stated")),
    }
    return to_data_array(
        Frames(
            values.reflectivity_dbz(field.values.astype(np.float32), no_rain_dbz=float(zero)),
            tuple(_times(field)),
            _given_grid(dataset),
            float(zero),
            attributes,
        )
    )


def _field(radar: xr.DataArray | xr.Dataset, variable: str) -> xr.DataArray:
    """The field that is meant.

    Raises:
        ContractViolation: It is not there, or not of several times.
    """
    if isinstance(radar, xr.Dataset) and variable not in radar.data_vars:
        raise ContractViolation(
            f"There is no {short(variable)!r} in this Dataset.", rule="variable-missing"
        )
    array = radar[variable] if isinstance(radar, xr.Dataset) else radar
    if set(array.dims) != set(AXES) or array.sizes["time"] < 2:
        raise ContractViolation(
            f"pysteps' time step needs two frames or more, (time, y, x), not {dict(array.sizes)}.",
            rule="frame-count",
        )
    return array


def _grid(array: xr.DataArray) -> Grid:
    name = grid_mapping_of(array)
    unit = str(array.x.attrs.get("units", "1"))
    known = "degree" if unit.startswith("degree") else unit if unit in OURS else "1"
    return Grid(array.y.values, array.x.values, known, dict(array[name].attrs) if name else {})


def _coordinates(array: xr.DataArray, grid: Grid) -> dict[str, Any]:
    seconds = np.diff(array.time.values) / np.timedelta64(1, "s")
    clock = {"long_name": "time", "stepsize": float(np.median(seconds))}
    axes = {
        name: _axis(array[name].values * pysteps_scale(grid), name, grid) for name in ("y", "x")
    }
    return {"time": ("time", array.time.values, clock), **axes, **_degrees(grid)}


def _axis(centres: Places, name: str, grid: Grid) -> tuple[str, Places, dict[str, Any]]:
    attributes = {
        "axis": name.upper(),
        "standard_name": f"projection_{name}_coordinate",
        "long_name": f"{name}-coordinate in Cartesian system",
        "units": cartesian_unit(grid),
        "stepsize": abs(float(centres[-1] - centres[0])) / (len(centres) - 1),
    }
    return name, centres, attributes


def _degrees(grid: Grid) -> dict[str, Any]:
    """Latitude and longitude of each pixel; nothing where the projection does not tell."""
    if grid.earth is None:
        return {}
    latitude, longitude = grid.earth.degrees(*np.meshgrid(grid.y, grid.x, indexing="ij"))
    return {
        "lat": (("y", "x"), latitude, {"standard_name": "latitude", "units": "degrees_north"}),
        "lon": (("y", "x"), longitude, {"standard_name": "longitude", "units": "degrees_east"}),
    }


def _precipitation(dataset: xr.Dataset) -> xr.DataArray:
    """The variable of precipitation, (time, y, x).

    Raises:
        ContractViolation: There is none, or an ensemble of it.
    """
    name = dataset.attrs.get("precip_var") if isinstance(dataset, xr.Dataset) else None
    if name not in getattr(dataset, "data_vars", ()):
        raise ContractViolation(
            "A Dataset of pysteps has an attribute precip_var that names its variable, but this"
            f" {type(dataset).__name__} says {short(name)!r}.",
            rule="variable-missing",
        )
    field = dataset[name]
    if set(field.dims) != set(AXES):
        raise ContractViolation(
            f"Radar of pysteps must be (time, y, x), not {field.dims}; of an ensemble choose one"
            " member.",
            rule="shape",
        )
    return field.transpose(*AXES)


def _times(field: xr.DataArray) -> list[datetime]:
    moments = field.time.values.astype("datetime64[us]").astype(object)
    return [moment.replace(tzinfo=UTC) for moment in moments]


def _given_grid(dataset: xr.Dataset) -> Grid:
    """Where a Dataset of pysteps lies.

    Raises:
        ContractViolation: It does not say, or in no unit that we know.
    """
    unit, text = dataset.x.attrs.get("units"), dataset.attrs.get("projection")
    if unit not in OURS or not isinstance(text, str):
        raise ContractViolation(
            "A Dataset of pysteps needs a projection, and coordinates in m, km or degrees, but has"
            f" {short(text)!r} and {short(unit)!r}.",
            rule="grid",
        )
    y, x = (dataset[name].values.astype(np.float64) for name in ("y", "x"))
    return Grid(y, x, OURS[unit], cf_attributes(parsed_crs(text)))
