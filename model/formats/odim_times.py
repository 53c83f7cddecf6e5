"""Times in ODIM_H5 files: dates and times as text, UTC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import h5py

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.netcdf_time import check_order
from echocast.model.formats.odim_tree import look_up, text

What = Callable[[str], Any]


def layer_times(file: h5py.File, layers: Sequence[What], where: str) -> tuple[datetime, ...]:
    """The nominal time of the file; the end times where it holds several.

    Args:
        file: Open.
        layers: Of each frame: what gives an attribute of its nearest ``what`` group.
        where: Names the file in messages.

    Raises:
        ContractViolation: A time is none, or they do not strictly increase.
    """
    if len(layers) == 1:
        return (_time(look_up("what", "date", file), look_up("what", "time", file), where),)
    times = tuple(_time(what("enddate"), what("endtime"), where) for what in layers)
    check_order(times, where)
    return times


def _time(date: Any, clock: Any, where: str) -> datetime:
    try:
        return datetime.strptime(f"{text(date)}{text(clock)}", "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise ContractViolation(
            f"ODIM_H5 times must be YYYYMMDD and HHMMSS, but {where} has"
            f" {short(text(date))!r} and"
            f" {short(text(clock))!r}.",
            rule="time-units",
        ) from error
