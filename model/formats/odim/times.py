"""Times in ODIM_H5 files: the nominal time of the file, and start and end of its data, UTC."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import h5py
import numpy as np

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.intervals import EQUAL, FrameTimes, Interval, at_the_end, with_amounts
from echocast.model.formats.netcdf.times import check_order
from echocast.model.formats.odim.tree import look_up, text
from echocast.model.formats.units import RadarUnit

What = Callable[[str], Any]

_DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_CLOCK = re.compile(r"([0-9]{2}):?([0-9]{2})(?::?([0-9]{2})(\.[0-9]*)?)?Z?")


def layer_times(file: h5py.File, layers: Sequence[What], unit: RadarUnit, where: str) -> FrameTimes:
    """The nominal time of the file; the end times where it holds several.

    The nominal time of rates and amounts is moved to the end of their interval where it is its
    start or its middle. OPERA's is neither: its rates are those of the nominal time, made of scans
    from 10 minutes before it to 5 minutes after it.

    Args:
        file: Open.
        layers: Of each frame: what gives an attribute of its nearest ``what`` group.
        unit: Of the values.
        where: Names the file in messages.

    Raises:
        ContractViolation: A time is none, they do not strictly increase, the data begin after the
            nominal time, or amounts are over an interval that is too long or unknown.
    """
    intervals = [_interval(what, unit, where) for what in layers]
    known = [interval for interval in intervals if interval is not None]
    if len(layers) == 1:
        times = _single(file, intervals[0], unit, where)
    else:
        ends = tuple(_time(what("enddate"), what("endtime"), where) for what in layers)
        check_order(ends, where)
        times = at_the_end(ends, known) if len(known) == len(ends) else FrameTimes(ends)
    return with_amounts(times, unit, where) if unit.is_rain else times


def _single(file: h5py.File, interval: Interval | None, unit: RadarUnit, where: str) -> FrameTimes:
    """The valid time of the only frame of a file."""
    nominal = _time(look_up("date", file), look_up("time", file), where)
    if interval is None:
        return FrameTimes((nominal,))
    start, end = interval
    if start > nominal + EQUAL:
        raise ContractViolation(
            f"{where} is a forecast: its data begin at {start.isoformat()}, after its nominal time"
            f" {nominal.isoformat()}. Send what a radar observed.",
            rule="not-observed",
        )
    stamped = FrameTimes((nominal,), (end - start,))
    if not unit.is_rain or nominal >= end - EQUAL:
        return stamped
    middle = start + (end - start) / 2
    if unit.kind == "amount" or min(abs(nominal - start), abs(nominal - middle)) <= EQUAL:
        return at_the_end((nominal,), [interval])
    note = (
        "Rain rates are read as of the nominal time, although the data go on for"
        f" {(end - nominal) / timedelta(minutes=1):.4g} minutes after it."
    )
    return replace(stamped, notes={"time": note})


def _interval(what: What, unit: RadarUnit, where: str) -> Interval | None:
    """Start and end of a layer's data; None where one of them is not there.

    Of reflectivity, which is a moment's, also where they are no times.
    """
    given = [what(name) for name in ("startdate", "starttime", "enddate", "endtime")]
    if any(value is None for value in given):
        return None
    try:
        start, end = _time(given[0], given[1], where), _time(given[2], given[3], where)
    except ContractViolation:
        if not unit.is_rain:
            return None
        raise
    return (start, end) if start < end else None


def _time(date: Any, clock: Any, where: str) -> datetime:
    """A date and a clock, with the fraction of a second to the millisecond.

    Raises:
        ContractViolation: They are none, or a number does not say which digits are hours.
    """
    day, hours = _DATE.fullmatch(_digits(date, 8)), _CLOCK.fullmatch(_digits(clock, 6))
    try:
        if day is None or hours is None:
            raise ValueError("a date or a clock is none")
        hour, minute, second, fraction = hours.groups()
        midnight = datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=UTC)
        if (hour, minute, int(second or 0)) != ("24", "00", 0):
            midnight.replace(hour=int(hour), minute=int(minute), second=int(second or 0))
        return midnight + timedelta(
            hours=int(hour),
            minutes=int(minute),
            seconds=int(second or 0),
            milliseconds=round(1000 * float(f"0{fraction or '.0'}")),
        )
    except (ValueError, OverflowError) as error:
        raise ContractViolation(
            "ODIM_H5 times must be texts YYYYMMDD and HHMMSS (or HHMM), but"
            f" {where} has {short(text(date))!r} and {short(text(clock))!r}.",
            rule="time-units",
        ) from error


def _digits(value: Any, count: int) -> str:
    """A text as it is; a number with the zeros that it lost.

    Of numbers with fewer than five digits nobody knows whether they are HHMM or HHMMSS.
    """
    if isinstance(value, np.ndarray) and value.size != 1:
        return ""
    number = value.item() if isinstance(value, np.ndarray) else value
    if isinstance(number, bool | np.bool_) or not isinstance(number, int | float | np.number):
        return text(value).strip(" \0\t\r\n")
    exact = f"{float(number):.3f}".rstrip("0").rstrip(".")
    whole, _, fraction = exact.partition(".")
    if number != 0 and len(whole) < count - 1:
        return ""
    return whole.rjust(count, "0") + (f".{fraction}" if fraction else "")
