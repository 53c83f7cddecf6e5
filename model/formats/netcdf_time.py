"""Times in CF NetCDF files: any unit with a reference date, on the standard calendar, as UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import netCDF4
import numpy as np

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.netcdf_access import Variable
from echocast.model.formats.packing import check_packing

CALENDARS = ("standard", "gregorian", "proleptic_gregorian")


def is_time(variable: Variable) -> bool:
    """True where the variable is a CF time: its units count from a date."""
    return " since " in f" {getattr(variable, 'units', '')} "


def read_times(variable: Variable, where: str) -> tuple[datetime, ...]:
    """The times of a coordinate variable, UTC, to the millisecond.

    Args:
        variable: A numeric variable of any number of times.
        where: Names the variable and its file in messages.

    Returns:
        Timezone-aware UTC times in file order.

    Raises:
        ContractViolation: No unit or calendar we know, a missing time, or times out of order.
    """
    calendar = str(getattr(variable, "calendar", "standard")).lower()
    if calendar not in CALENDARS:
        raise ContractViolation(
            f"Times must be on the standard calendar, but {where} uses {short(calendar)!r}.",
            rule="time-calendar",
        )
    check_packing(variable, where)
    values = np.ma.atleast_1d(np.ma.masked_invalid(variable[...]))
    if np.ma.getmaskarray(values).any():
        index = int(np.flatnonzero(np.ma.getmaskarray(values))[0])
        raise ContractViolation(f"Time {index} of {where} is missing.", rule="time-missing")
    times = _decoded(values.filled(), str(getattr(variable, "units", "")), calendar, where)
    check_order(times, where)
    return times


def read_scalar_time(variable: Variable) -> datetime:
    """The one time of a scalar variable, UTC."""
    return read_times(variable, variable.name)[0]


def _decoded(values: Any, units: str, calendar: str, where: str) -> tuple[datetime, ...]:
    try:
        decoded = netCDF4.num2date(
            values,
            units,
            calendar,
            only_use_cftime_datetimes=False,
            only_use_python_datetimes=True,
        )
    except (ValueError, OverflowError, TypeError) as error:
        raise ContractViolation(
            f"Times need CF units such as 'seconds since 1970-01-01', but {where} has"
            f" {short(units)!r}"
            f" ({short(error)}).",
            rule="time-units",
        ) from error
    return tuple(_to_millisecond(time) for time in np.atleast_1d(np.asarray(decoded)))


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
                f" {times[index - 1].isoformat()}.",
                rule="time-order",
            )
