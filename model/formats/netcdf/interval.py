"""Over what interval the rain of a NetCDF frame fell: CF bounds, a start time, cell methods."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import netCDF4

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.intervals import FrameTimes, Interval, at_the_end, with_amounts
from echocast.model.formats.netcdf.access import Variable
from echocast.model.formats.netcdf.times import as_stored_meant, check_order, is_time, read_times
from echocast.model.formats.units import RadarUnit

START_NAME = "start_time"  # beside valid_time, as the Australian Bureau of Meteorology writes it
STEP_TOLERANCE = 0.1  # of a step, between it and the interval that cell_methods name
_OVER = re.compile(r"\btime: sum\b.*?([0-9.]+)\s*(s|sec|min|h|hr|hour|second|minute)", re.DOTALL)
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def frame_times(
    dataset: netCDF4.Dataset, clock: Variable, field: Variable, unit: RadarUnit, where: str
) -> FrameTimes:
    """When the frames of a field are valid: rates and amounts at the end of their interval.

    Raises:
        ContractViolation: The times are none, their bounds contradict them, or the interval of
            amounts is too long or unknown.
    """
    place = f"{short(clock.name)!r} of {where}"
    stamps, coarse = as_stored_meant(clock, read_times(clock, place), place)
    times = FrameTimes(stamps)
    if unit.is_rain:
        times = _of_rain(dataset, clock, stamps, field, unit, where)
        check_order(times.times, place)
        times = with_amounts(times, unit, f"{short(field.name)!r} of {where}")
    note = " ".join(filter(None, (times.notes.get("time"), coarse)))
    return replace(times, notes={**times.notes, "time": note}) if note else times


def _of_rain(
    dataset: netCDF4.Dataset,
    clock: Variable,
    stamps: tuple[datetime, ...],
    field: Variable,
    unit: RadarUnit,
    where: str,
) -> FrameTimes:
    """Valid times and durations of rates that are no momentary ones, and of amounts."""
    methods = str(getattr(field, "cell_methods", ""))
    if unit.kind == "rate" and "time: point" in methods:
        return FrameTimes(stamps)
    if intervals := _intervals(dataset, clock, stamps, where):
        return at_the_end(stamps, intervals)
    return _by_cell_methods(FrameTimes(stamps), methods)


def _intervals(
    dataset: netCDF4.Dataset, clock: Variable, stamps: Sequence[datetime], where: str
) -> list[Interval]:
    """The interval of each frame; none where the file does not say."""
    bounds = dataset.variables.get(str(getattr(clock, "bounds", "")))
    start = dataset.variables.get(START_NAME)
    if bounds is not None:
        edges = _edges(bounds, clock, len(stamps), where)
        intervals = [(min(pair), max(pair)) for pair in zip(*edges, strict=True)]
    elif start is not None and start.dimensions == clock.dimensions and is_time(start):
        starts = read_times(start, f"{START_NAME!r} of {where}")
        intervals = list(zip(starts, stamps, strict=True))
    else:
        return []
    for stamp, (first, last) in zip(stamps, intervals, strict=True):
        if not first <= stamp <= last:
            raise ContractViolation(
                f"A time must lie within its bounds, but {short(clock.name)!r} of {where} has"
                f" {stamp.isoformat()} with {first.isoformat()} to {last.isoformat()}. Correct"
                " the bounds or remove them.",
                rule="time-bounds",
            )
    return intervals


def _edges(
    bounds: Variable, clock: Variable, count: int, where: str
) -> tuple[tuple[datetime, ...], tuple[datetime, ...]]:
    """The first and the second bound of every time."""
    if bounds.shape != (*clock.shape, 2):
        raise ContractViolation(
            f"The bounds of times must have two values for each, but {short(bounds.name)!r} of"
            f" {where} has the shape {short(bounds.shape)}.",
            rule="time-bounds",
        )
    read = read_times(bounds, f"{short(bounds.name)!r} of {where}", like=clock)
    return read[: 2 * count : 2], read[1 : 2 * count : 2]


def _by_cell_methods(times: FrameTimes, methods: str) -> FrameTimes:
    """Durations that cell methods name; only where frames follow each other in that interval.

    CF's ``interval`` is that of the original data: a sum of several of them is over a longer one.
    """
    match = _OVER.search(methods)
    if match is None or len(times.times) < 2:
        return times
    over = timedelta(seconds=float(match[1]) * _SECONDS[match[2][0]])
    gaps = [b - a for a, b in pairwise(times.times)]
    if any(abs(gap - over) > STEP_TOLERANCE * over for gap in gaps):
        return times
    return FrameTimes(times.times, (over,) * len(times.times), times.notes)
