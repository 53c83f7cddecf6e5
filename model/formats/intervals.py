"""When rain fell: rates and amounts are valid at the end of the interval over which they fell.

CF bounds and ODIM start and end say which interval that is. An amount over a short interval is a
rate; over a long one it is not, as storms cross a pixel in minutes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np

from echocast.model.errors import ContractViolation
from echocast.model.formats.units import RadarUnit
from echocast.model.grid import FloatArray

LONGEST_AMOUNT = timedelta(minutes=15)
EQUAL = timedelta(seconds=1)

Interval = tuple[datetime, datetime]
Factor: TypeAlias = FloatArray | np.float32


@dataclass(frozen=True)
class FrameTimes:
    """When the frames of a file are valid.

    Args:
        times: Valid times, UTC.
        durations: Over what time the rain of each frame fell; None where the file does not say.
        notes: What was decided, a sentence by subject.
    """

    times: tuple[datetime, ...]
    durations: tuple[timedelta, ...] | None = None
    notes: Mapping[str, str] = field(default_factory=dict)

    def factor(self, unit: RadarUnit, part: slice) -> Factor:
        """What turns the values of some frames into mm/h, to be multiplied with (time, y, x)."""
        hours = [duration / timedelta(hours=1) for duration in (self.durations or ())[part]]
        if unit.kind != "amount" or not hours:
            return np.float32(unit.factor)
        return (unit.factor / np.array(hours)).astype(np.float32)[:, None, None]


def at_the_end(stamps: Sequence[datetime], intervals: Sequence[Interval]) -> FrameTimes:
    """Frames of rates or amounts, valid at the end of their intervals.

    Args:
        stamps: The times that the file gives its frames.
        intervals: The start and the end of each.
    """
    ends = tuple(end for _, end in intervals)
    durations = tuple(end - start for start, end in intervals)
    moves = {end - stamp for stamp, end in zip(stamps, ends, strict=True)}
    if all(abs(move) <= EQUAL for move in moves):
        return FrameTimes(tuple(stamps), durations)
    starts = [start for start, _ in intervals]
    at_start = all(abs(a - b) <= EQUAL for a, b in zip(stamps, starts, strict=True))
    place = "at the start of" if at_start else "within"
    by = " to ".join(dict.fromkeys(f"{_minutes(move)}" for move in (min(moves), max(moves))))
    note = (
        f"The times lie {place} the intervals over which the rain fell; they were moved to the"
        f" ends, by {by} minutes."
    )
    return FrameTimes(ends, durations, {"time": note})


def with_amounts(times: FrameTimes, unit: RadarUnit, where: str) -> FrameTimes:
    """The times of rates or amounts, with a note on what their intervals mean.

    Args:
        times: Of a file's frames.
        unit: Of its values.
        where: Names the field and its file in messages.

    Raises:
        ContractViolation: Amounts over more than 15 minutes, or over an unknown interval.
    """
    durations = _agreed(times.durations, unit.interval, len(times.times), where)
    if unit.kind == "rate":
        return _with_means(times)
    if durations is None:
        raise ContractViolation(
            f"{where} holds amounts of rain, but not over what interval they fell. Give time"
            " bounds (ODIM: start and end), a unit such as mm/5min, or send rates in mm/h.",
            rule="amount-interval",
        )
    if worst := [d for d in durations if not timedelta(0) < d <= LONGEST_AMOUNT + EQUAL]:
        raise ContractViolation(
            f"{where} holds amounts of rain over {_minutes(worst[0])} minutes; only those over at"
            f" most {_minutes(LONGEST_AMOUNT)} minutes are read as rates. Send shorter amounts, or"
            " rates in mm/h.",
            rule="amount-interval",
        )
    over = " to ".join(dict.fromkeys(_minutes(d) for d in (min(durations), max(durations))))
    note = f"Amounts over {over} minutes were read as rates in mm/h, valid at their end."
    return replace(times, durations=durations, notes={**times.notes, "interval": note})


def _agreed(
    durations: tuple[timedelta, ...] | None, of_unit: timedelta | None, count: int, where: str
) -> tuple[timedelta, ...] | None:
    """The durations, which a unit that names an interval must not contradict."""
    if of_unit is None:
        return durations
    for duration in durations or ():
        if abs(duration - of_unit) > EQUAL:
            raise ContractViolation(
                f"{where} contradicts itself: its unit is of amounts over {_minutes(of_unit)}"
                f" minutes, but its interval has {_minutes(duration)}.",
                rule="amount-interval",
            )
    return (of_unit,) * count


def _with_means(times: FrameTimes) -> FrameTimes:
    """Rates over long intervals are read, and called what they are."""
    longest = max(times.durations or (), default=timedelta(0))
    if longest <= LONGEST_AMOUNT + EQUAL:
        return times
    note = f"The rates are means over {_minutes(longest)} minutes."
    return replace(times, notes={**times.notes, "interval": note})


def _minutes(duration: timedelta) -> str:
    return f"{duration / timedelta(minutes=1):.4g}"
