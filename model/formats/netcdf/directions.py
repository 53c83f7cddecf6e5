"""Which way a dimension of a NetCDF file runs: by what its coordinate says, and by its name.

Source: CF conventions 1.11, chapter 4: ``axis``, ``standard_name`` and the units of latitude and
longitude say it, in this order. A name says it where nothing else does.
"""

from __future__ import annotations

import re

import netCDF4

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.grid_checks import DEGREES_EAST, DEGREES_NORTH
from echocast.model.formats.netcdf.access import Variable

LATITUDES = frozenset(("lat", "lats", "latitude", "latitudes", "nav_lat", "xlat", "nlat"))
LONGITUDES = frozenset(
    ("lon", "lons", "long", "longitude", "longitudes", "nav_lon", "xlong", "nlon")
)
NAMES = {
    **dict.fromkeys(LATITUDES, "Y"),
    **dict.fromkeys(LONGITUDES, "X"),
    **dict.fromkeys(("y", "yc", "ny", "northing", "south_north", "rlat", "row", "rows"), "Y"),
    **dict.fromkeys(("x", "xc", "nx", "easting", "west_east", "rlon", "col", "cols"), "X"),
    **dict.fromkeys(("grid_latitude", "projection_y_coordinate"), "Y"),
    **dict.fromkeys(("grid_longitude", "projection_x_coordinate", "column", "columns"), "X"),
}
STANDARD_NAMES = {
    **dict.fromkeys(("projection_y_coordinate", "latitude", "grid_latitude"), "Y"),
    **dict.fromkeys(("projection_x_coordinate", "longitude", "grid_longitude"), "X"),
}
UNITS = {**dict.fromkeys(DEGREES_NORTH, "Y"), **dict.fromkeys(DEGREES_EAST, "X")}
WORDS = {"Y": "north", "X": "east"}


def text(variable: Variable, attribute: str) -> str:
    """An attribute without padding, in small letters; empty where there is none."""
    return str(getattr(variable, attribute, "")).strip(" \t\n\0").lower()


def declared(variable: Variable, where: str) -> str | None:
    """``Y`` or ``X`` by the attributes of a coordinate; None where they do not say.

    Raises:
        ContractViolation: They contradict each other.
    """
    axis = {"y": "Y", "x": "X"}.get(text(variable, "axis"))
    standard = STANDARD_NAMES.get(text(variable, "standard_name"))
    units = UNITS.get(text(variable, "units"))
    ways = {"axis": axis, "standard_name": standard, "units": units}
    known = {name: way for name, way in ways.items() if way is not None}
    if len(set(known.values())) > 1:
        words = ", ".join(f"{name} runs {WORDS[way]}" for name, way in known.items())
        raise _contradiction(variable, where, f"by its {words}")
    return next(iter(known.values()), None)


def direction(dataset: netCDF4.Dataset, dimension: str, where: str) -> str | None:
    """``Y`` or ``X`` by the coordinate of a dimension, else by its name; None where neither says.

    Raises:
        ContractViolation: The coordinate contradicts itself.
    """
    variable = coordinate(dataset, dimension)
    by_name = named(dimension if variable is None else variable.name) or named(dimension)
    if variable is None:
        return by_name
    way = declared(variable, where)
    is_word = bare(variable.name) in LATITUDES | LONGITUDES
    if way is not None and is_word and by_name != way:
        raise _contradiction(variable, where, f"by its attributes runs {WORDS[way]}")
    return way or by_name


def named(name: str) -> str | None:
    """``Y`` or ``X`` by a name; None where it does not say."""
    return NAMES.get(name.lower()) or NAMES.get(bare(name))


def bare(name: str) -> str:
    """A name in small letters, without the number at its end."""
    return re.sub(r"_?\d+$", "", name.lower())


def coordinate(dataset: netCDF4.Dataset, dimension: str) -> Variable | None:
    """The coordinate along a dimension: of its name, or the only one that says its direction."""
    variable = dataset.variables.get(dimension)
    if variable is not None and variable.dimensions == (dimension,):
        return variable
    along = [v for v in dataset.variables.values() if v.dimensions == (dimension,)]
    speaking = [v for v in along if _has_direction(v)]
    return speaking[0] if len(speaking) == 1 else None


def _has_direction(variable: Variable) -> bool:
    known = (text(variable, "standard_name") in STANDARD_NAMES, text(variable, "units") in UNITS)
    return any(known) or text(variable, "axis") in ("x", "y") or named(variable.name) is not None


def _contradiction(variable: Variable, where: str, what: str) -> ContractViolation:
    return ContractViolation(
        f"A coordinate must run one way, but {short(variable.name)!r} of {where} {what}; correct"
        " its name, axis, standard_name or units.",
        rule="axes",
    )
