"""Times in CF NetCDF files: any unit with a reference date, on the standard calendar, as UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any

import netCDF4
import numpy as np

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.netcdf.access import Variable
from echocast.model.formats.packing import check_packing
from echocast.model.sequence.rhythm import even_places, even_step

CALENDARS = ("standard", "gregorian", "proleptic_gregorian")
WIDEST_ZONE = timedelta(hours=14)
COARSE = 0.1  # of a step: frames further from their place are refused
USUAL_STEP_S = 300.0  # where there is one frame
NOTICED_S = 0.5
UNITS = 16  # of which the length in seconds is worked out once
NANOSECONDS = ("nanosecond", "nanoseconds", "nsec", "ns")  # which netCDF4 does not know

_REFERENCE = re.compile(  # what UDUNITS reads, and means by it (CF section 4.4)
    r"\s*(?P<unit>[a-z]+)\s+since\s+"
    r"(?:(?P<year>[0-9]{1,4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})"
    r"|(?P<packed_date>[0-9]{8}))"
    r"(?:(?:\s*T\s*|\s+)"
    r"(?:(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{1,2})(?::(?P<second>[0-9]{1,2}(?:\.[0-9]*)?))?)?"
    r"|(?P<packed_clock>[0-9]{6}))"
    r"(?:(?P<zone>\s*[+-]|\s+)(?:(?P<zone_hours>[0-9]{1,2})(?::(?P<zone_minutes>[0-9]{1,2}))?"
    r"|(?P<packed_zone>[0-9]{3,4})))?)?"
    r"T?\s*(?:UTC|GMT|Z)?\s*",
    re.IGNORECASE,
)


def is_time(variable: Variable) -> bool:
    """True where the variable is a CF time: its units count from a date."""
    return re.search(r"\bsince\b", str(getattr(variable, "units", "")), re.IGNORECASE) is not None


def read_times(
    variable: Variable, where: str, *, like: Variable | None = None
) -> tuple[datetime, ...]:
    """The times of a coordinate variable, UTC, to the millisecond.

    Args:
        variable: A numeric variable of any number of times.
        where: Names the variable and its file in messages.
        like: Whose units and calendar count where the variable has none, as bounds have none; its
            times may be in any order.

    Returns:
        Timezone-aware UTC times in file order.

    Raises:
        ContractViolation: No unit or calendar we know, a missing time, times that are stored too
            coarsely, or times out of order.
    """
    calendar = _attribute("calendar", "standard", variable, like).lower()
    if calendar not in CALENDARS:
        raise ContractViolation(
            f"Times must be on the standard calendar, but {where} uses {short(calendar)!r}.",
            rule="time-calendar",
        )
    values = _numbers(variable, where)
    times = _decoded(values, _attribute("units", "", variable, like), calendar, where)
    if like is None:
        check_order(times, where)
    return times


def read_scalar_time(variable: Variable) -> datetime:
    """The one time of a scalar variable, UTC."""
    return read_times(variable, variable.name)[0]


def as_stored_meant(
    variable: Variable, times: tuple[datetime, ...], where: str
) -> tuple[tuple[datetime, ...], str]:
    """Floating-point times that are stored coarsely, at the even places that were meant.

    Args:
        variable: Whose times they are.
        times: As read.
        where: Names the variable and its file in messages.

    Returns:
        The times, and what to know of them; nothing of times that are right to half a second.

    Raises:
        ContractViolation: They may be further from the true times than 10 % of a step.
    """
    error = _rounding_seconds(variable, times)
    gaps = [(b - a).total_seconds() for a, b in pairwise(times)]
    step = float(np.median(gaps)) if gaps else USUAL_STEP_S
    if error > COARSE * step:
        raise ContractViolation(
            f"The times of {where} are stored as {variable.dtype} in"
            f" {short(getattr(variable, 'units', ''))!r}, which is right to {error:.3g} seconds"
            f" only, at a step of {step:g}. Store them as float64 or as integers.",
            rule="time-coarse",
        )
    if error <= NOTICED_S:
        return times, ""
    note = f"The times are stored to {error:.2g} seconds only"
    near = timedelta(seconds=error + 1e-3)  # they are rounded to the millisecond
    even = even_step(times, near) if gaps else None
    meant = even_places(times, even, near) if even else None
    if even is None or meant is None:
        return times, f"{note}."
    return meant, f"{note}; they were read as every {even / timedelta(minutes=1):g} minutes."


def _rounding_seconds(variable: Variable, times: tuple[datetime, ...]) -> float:
    """Half of the distance between neighbouring numbers of the stored type."""
    if variable.dtype.kind != "f" or not times:
        return 0.0
    variable.set_auto_maskandscale(False)
    stored = np.asarray(variable[...]).ravel()
    variable.set_auto_maskandscale(True)
    scale = abs(float(getattr(variable, "scale_factor", 1.0)))
    far = stored[np.argmax(np.abs(stored))]
    unit, _, _ = _reference(str(getattr(variable, "units", "")))
    return abs(float(np.spacing(far))) * scale / 2 / _per_second(unit)


@lru_cache(maxsize=UNITS)
def _per_second(unit: str) -> float:
    """How many of a unit a second has."""
    if unit in NANOSECONDS:
        return 1e9
    return float(netCDF4.date2num(datetime(2000, 1, 1, 0, 0, 1), f"{unit} since 2000-1-1"))


def _attribute(name: str, default: str, variable: Variable, like: Variable | None) -> str:
    inherited = default if like is None else getattr(like, name, default)
    return str(getattr(variable, name, inherited))


def _numbers(variable: Variable, where: str) -> Any:
    """The values of a time variable, none of them missing."""
    if getattr(variable.dtype, "kind", "O") not in "iuf":
        raise ContractViolation(
            f"Times must be numbers with CF units such as 'seconds since 1970-01-01', but {where}"
            " holds text.",
            rule="time-units",
        )
    check_packing(variable, where)
    values = np.ma.atleast_1d(np.ma.masked_invalid(variable[...])).ravel()
    if np.ma.getmaskarray(values).any():
        index = int(np.flatnonzero(np.ma.getmaskarray(values))[0])
        raise ContractViolation(f"Time {index} of {where} is missing.", rule="time-missing")
    return values.filled()


def _decoded(values: Any, units: str, calendar: str, where: str) -> tuple[datetime, ...]:
    try:
        unit, reference, zone = _reference(units)
        if unit in NANOSECONDS:
            unit, values = "microseconds", values // 1000
        decoded = netCDF4.num2date(
            values,
            f"{unit} since {reference}",
            calendar,
            only_use_cftime_datetimes=False,
            only_use_python_datetimes=True,
        )
        return tuple(_to_millisecond(time) - zone for time in np.atleast_1d(np.asarray(decoded)))
    except (ValueError, OverflowError, TypeError) as error:
        raise ContractViolation(
            "Times need CF units such as 'seconds since 1970-01-01 00:00:00' (a zone as +02:00 or"
            f" -6:00, else UTC), but {where} has {short(units)!r} ({short(error)}).",
            rule="time-units",
        ) from error


def _reference(units: str) -> tuple[str, str, timedelta]:
    """The unit, the reference date and clock, and how far its zone is ahead of UTC.

    Raises:
        ValueError: The text is not read to its end.
    """
    match = _REFERENCE.fullmatch(units)
    if match is None:
        raise ValueError("it is no unit since a date, a clock and an offset from UTC")
    packed = match["packed_date"] or ""
    date = (packed[:4], packed[4:6], packed[6:]) if packed else match.group("year", "month", "day")
    packed = match["packed_clock"] or ""
    clock = packed and (packed[:2], packed[2:4], packed[4:])
    hour, minute, second = clock or match.group("hour", "minute", "second")
    reference = f"{'-'.join(date)} {hour or 0}:{minute or 0}:{second or 0}"
    return match["unit"].lower(), reference, _zone(match)


def _zone(match: re.Match[str]) -> timedelta:
    """Offset of a zone: hours, hours and minutes, or both together as udunits reads them."""
    packed = match["packed_zone"]
    hours, minutes = (
        divmod(int(packed), 100)
        if packed
        else (
            int(match["zone_hours"] or 0),
            int(match["zone_minutes"] or 0),
        )
    )
    zone = timedelta(hours=hours, minutes=minutes)
    if zone > WIDEST_ZONE or minutes > 59:
        raise ValueError("no zone is further than 14 hours from UTC")
    return -zone if "-" in (match["zone"] or "") else zone


def _to_millisecond(time: datetime) -> datetime:
    """Rounded: times in days are only right to some microseconds."""
    whole = time.replace(microsecond=0, tzinfo=UTC)
    return whole + timedelta(milliseconds=round(time.microsecond / 1000))


def check_order(times: tuple[datetime, ...], where: str) -> None:
    """Check that the times of one file strictly increase.

    Raises:
        ContractViolation: They do not.
    """
    for index in range(1, len(times)):
        if times[index] <= times[index - 1]:
            raise ContractViolation(
                f"Times in one file must strictly increase, but time {index} of {where}"
                f" ({times[index].isoformat()}) does not come after"
                f" {times[index - 1].isoformat()}. Write the frames in the order of their times.",
                rule="time-order",
            )
