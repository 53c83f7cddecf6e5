"""Which dimension of a NetCDF field is time, which is y and which is x."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import netCDF4
import numpy as np

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.netcdf.access import Variable
from echocast.model.formats.netcdf.directions import WORDS, direction
from echocast.model.formats.netcdf.times import is_time
from echocast.model.grid import FloatArray


@dataclass(frozen=True)
class Axes:
    """Names of the dimensions; other dimensions of the field have length one.

    Args:
        time: Dimension of the frames; None for one frame with a scalar time.
        y: Dimension along rows.
        x: Dimension along columns.
        notes: See :class:`echocast.model.frames.Frames`.
    """

    time: str | None
    y: str
    x: str
    notes: Mapping[str, str] = field(default_factory=dict)

    def frames(self, variable: Variable) -> int:
        """How many frames the variable holds."""
        return 1 if self.time is None else self._length(variable, self.time)

    def shape(self, variable: Variable, window: tuple[slice, ...]) -> tuple[int, int, int]:
        """Shape (time, y, x) of a window of the variable."""
        lengths = (
            self.frames(variable),
            self._length(variable, self.y),
            self._length(variable, self.x),
        )
        frames, height, width = (
            len(range(length)[part]) for length, part in zip(lengths, window, strict=True)
        )
        return frames, height, width

    def index(self, variable: Variable, window: tuple[slice, ...]) -> tuple[slice | int, ...]:
        """What to put between the brackets of the variable to get the window."""
        parts = dict(zip((self.time, self.y, self.x), window, strict=True))
        return tuple(parts.get(dimension, 0) for dimension in variable.dimensions)

    def arranged(self, variable: Variable, values: FloatArray) -> FloatArray:
        """Values read by :meth:`index`, as (time, y, x)."""
        order = [self.y, self.x] if self.time is None else [self.time, self.y, self.x]
        have = [dimension for dimension in variable.dimensions if dimension in order]
        ordered = np.transpose(values, [have.index(dimension) for dimension in order])
        return ordered[None] if self.time is None else ordered

    @staticmethod
    def _length(variable: Variable, dimension: str) -> int:
        return int(variable.shape[variable.dimensions.index(dimension)])


def find_axes(dataset: netCDF4.Dataset, variable: Variable, where: str) -> Axes:
    """Tell the axes of a field apart, see :func:`.direction`; else by their order.

    Raises:
        ContractViolation: The field is not (time, y, x) or (y, x), in any order, or its
            coordinates contradict each other.
    """
    dimensions = list(variable.dimensions)
    times = [d for d in dimensions if _is_time_dimension(dataset, d)]
    rest = [d for d in dimensions if d not in times]
    if len(rest) > 2:
        rest = [d for d in rest if len(dataset.dimensions[d]) > 1]
    if len(rest) == 3 and not times:
        unnamed = [d for d in rest if direction(dataset, d, where) is None]
        times = unnamed if len(unnamed) == 1 else rest[:1]
        rest = [d for d in rest if d not in times]
    if len(rest) != 2 or len(times) > 1 or len(set(dimensions)) < len(dimensions):
        raise ContractViolation(
            f"The radar field must have the dimensions (time, y, x), but"
            f" {short(variable.name)!r} of"
            f" {where} has {short(variable.dimensions)} with lengths {short(variable.shape)}.",
            rule="shape",
        )
    return _axes(dataset, times[0] if times else None, (rest[0], rest[1]), where)


def _axes(dataset: netCDF4.Dataset, time: str | None, plane: tuple[str, str], where: str) -> Axes:
    """The axes, with y and x by their directions."""
    first, second = (direction(dataset, dimension, where) for dimension in plane)
    if first is not None and first == second:
        raise ContractViolation(
            f"One dimension must run north and one east, but by their coordinates both"
            f" {short(plane[0])!r} and {short(plane[1])!r} of {where} run {WORDS[first]}; correct"
            " axis, standard_name or units of one.",
            rule="axes",
        )
    y, x = plane[::-1] if first == "X" or second == "Y" else plane
    notes = {}
    if first is None and second is None:
        notes["place"] = (
            f"Nothing says which way the dimensions {short(y)!r} and {short(x)!r} run; rows run"
            " along the first, columns along the second."
        )
    return Axes(time, y, x, notes)


def _is_time_dimension(dataset: netCDF4.Dataset, name: str) -> bool:
    variable = dataset.variables.get(name)
    return name.lower() in ("time", "t") or (variable is not None and is_time(variable))


def time_coordinate(
    dataset: netCDF4.Dataset, variable: Variable, axes: Axes, where: str
) -> Variable:
    """The variable that holds the times of a field's frames.

    Raises:
        ContractViolation: There is none.
    """
    dimensions = () if axes.time is None else (axes.time,)
    candidates = [v for v in dataset.variables.values() if v.dimensions == dimensions]
    named = [v for v in candidates if v.name == axes.time]
    standard = [v for v in candidates if getattr(v, "standard_name", "") == "time"]
    clocks = [v for v in candidates if is_time(v) and v.name in ("time", "valid_time")]
    chosen = next(iter((*named, *standard, *clocks)), None)
    if chosen is None:
        raise ContractViolation(
            f"Every frame needs a time, but {short(variable.name)!r} of {where} has no time"
            f" coordinate.",
            rule="time-missing",
        )
    return chosen
