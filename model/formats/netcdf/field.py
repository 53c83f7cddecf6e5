"""Which variable of a NetCDF file is the radar field, and in what units it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import netCDF4
import numpy as np

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.netcdf.access import Variable
from echocast.model.formats.packing import check_packing
from echocast.model.formats.relation import stated_relation
from echocast.model.formats.units import ACCEPTED, RadarUnit, is_dbz, radar_unit, refused_unit

REFLECTIVITY_NAME = "equivalent_reflectivity_factor"
RATE_NAMES = (
    "rainfall_rate",
    "lwe_precipitation_rate",
    "precipitation_flux",
    "rainfall_flux",
)
AMOUNT_NAMES = (
    "rainfall_amount",
    "precipitation_amount",
    "lwe_thickness_of_precipitation_amount",
    "thickness_of_rainfall_amount",
)


@dataclass(frozen=True)
class RadarField:
    """A radar field in a file.

    Args:
        variable: The NetCDF variable.
        unit: What its values are: reflectivity, a rain rate or an amount of rain.
        attributes: Attributes of the file, overlaid by those of the variable.
        relation_notes: How its Z-R relation was read.
    """

    variable: Variable
    unit: RadarUnit
    attributes: Mapping[str, Any]
    relation_notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def notes(self) -> dict[str, str]:
        """How its unit and its Z-R relation were read, where a reader might not expect it."""
        name = _text(self.variable, "standard_name")
        kinds = {REFLECTIVITY_NAME: "reflectivity"}
        kinds |= dict.fromkeys(RATE_NAMES, "rate") | dict.fromkeys(AMOUNT_NAMES, "amount")
        notes = [self.unit.note] if self.unit.note else []
        if (kind := self.unit.kind) != kinds.get(name, kind):
            units = _text(self.variable, "units")
            notes.append(
                f"The standard name {name!r} and the units {short(units)!r} disagree; the values"
                f" were read as {'' if kind == 'reflectivity' else 'rain '}{kind}."
            )
        return {**self.relation_notes, **({"units": " ".join(notes)} if notes else {})}


def find_field(dataset: netCDF4.Dataset, name: str | None, where: str) -> RadarField:
    """The radar field of a file.

    Searched in this order: reflectivity, rain rate, amount of rain; each by standard name, then by
    units. The first kind that occurs decides, and must occur once.

    Args:
        dataset: An open file.
        name: Name of the variable; None: search.
        where: Names the file in messages.

    Raises:
        ContractViolation: There is none, more than one, or it has no known units or no numbers.
    """
    variable = _search(dataset, where) if name is None else _named(dataset, name, where)
    _check_numeric(variable, where)
    check_packing(variable, where, by_library=False)
    attributes = {a: dataset.getncattr(a) for a in dataset.ncattrs()}
    attributes.update({a: variable.getncattr(a) for a in variable.ncattrs()})
    unit = _unit(variable, where)
    relation, notes = stated_relation(attributes) if unit.is_rain else ({}, {})
    return RadarField(variable, unit, {**attributes, **relation}, notes)


def _unit(variable: Variable, where: str) -> RadarUnit:
    units, name = _text(variable, "units"), _text(variable, "standard_name")
    unit = radar_unit(units, is_reflectivity=name == REFLECTIVITY_NAME)
    if unit is None:
        raise refused_unit(units, short(variable.name), where)
    return unit


def _named(dataset: netCDF4.Dataset, name: str, where: str) -> Variable:
    if name not in dataset.variables:
        raise ContractViolation(
            f"{where} has no variable {short(name)!r}; it has {_names(dataset)}.",
            rule="variable-missing",
        )
    return dataset.variables[name]


def _search(dataset: netCDF4.Dataset, where: str) -> Variable:
    fields = [v for v in dataset.variables.values() if len(v.dimensions) >= 2]
    kinds: tuple[Callable[[Variable], bool], ...] = (
        lambda v: _text(v, "standard_name") == REFLECTIVITY_NAME,
        lambda v: is_dbz(_text(v, "units")),
        lambda v: _text(v, "standard_name") in RATE_NAMES,
        lambda v: _is_rain(v, "rate"),
        lambda v: _text(v, "standard_name") in AMOUNT_NAMES,
        lambda v: _is_rain(v, "amount"),
    )
    for kind in kinds:
        matching = [variable for variable in fields if kind(variable)]
        if len(matching) == 1:
            return matching[0]
        if matching:
            raise ContractViolation(
                f"{where} has several radar fields"
                f" ({short(', '.join(variable.name for variable in matching))}); name the one to"
                f" use.",
                rule="variable-ambiguous",
            )
    raise _no_radar_field(dataset, fields, where)


def _no_radar_field(
    dataset: netCDF4.Dataset, fields: list[Variable], where: str
) -> ContractViolation:
    if not fields and (group := _group_with_fields(dataset)):
        return ContractViolation(
            f"The fields of {where} lie in the group {short(group)!r}, but only the root group is"
            " read. Write its variables, with their coordinates, into a file of their own.",
            rule="variable-missing",
        )
    bare = [variable.name for variable in fields if not _text(variable, "units")]
    if bare:
        return ContractViolation(
            f"The radar field must declare its units ({ACCEPTED}), but {where} has none that does;"
            f" without units: {short(', '.join(bare))}.",
            rule="units-missing",
        )
    units = ", ".join(f"{v.name} [{_text(v, 'units')}]" for v in fields) or "no field at all"
    return ContractViolation(
        f"{where} has no variable in {ACCEPTED}; it has {short(units)}.",
        rule="variable-missing",
    )


def _is_rain(variable: Variable, kind: str) -> bool:
    unit = radar_unit(_text(variable, "units"))
    return unit is not None and unit.kind == kind and unit.of_rain


def _check_numeric(variable: Variable, where: str) -> None:
    plain = isinstance(variable.datatype, np.dtype)
    if not plain or variable.dtype.kind not in "iuf":
        kind = str(variable.datatype) if plain else type(variable.datatype).__name__
        raise ContractViolation(
            f"The radar field must be an array of numbers, but {short(variable.name)!r} of"
            f" {where} has the"
            f" type {short(kind)}.",
            rule="data-type",
        )


def _text(variable: Variable, attribute: str) -> str:
    return str(getattr(variable, attribute, "")).strip()


def _group_with_fields(dataset: netCDF4.Dataset) -> str:
    """Path of the first group that has a field; empty where none has."""
    groups = list(dataset.groups.values())
    while groups:
        group = groups.pop(0)
        if any(len(variable.dimensions) >= 2 for variable in group.variables.values()):
            return str(group.path).strip("/")
        groups.extend(group.groups.values())
    return ""


def _names(dataset: netCDF4.Dataset) -> str:
    return short(", ".join(dataset.variables) or "none")
