"""What is right and wrong with the alerts, the disk and the memory of a month."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.chaos.service import COMMAND_LINES
from tests.month.alerts import Raised
from tests.month.calendar import Fault
from tests.month.memory import MB, slope
from tests.month.month import Sample

FILLED_DAYS = 4.0  # until caches hold all that sweeps look at: three days and six hours
ENGINE_FILLED_DAYS = 10.0  # hours of sums and jobs stay for seven days, states of drift for ten
SHORTEST_DAYS = 3.0  # for which a slope says something
MOST_GROWTH = 0.1  # of the memory of a role, in a month
LEAST_GROWTH_MB = 10.0
MONTH_DAYS = 30.0


@dataclass(frozen=True)
class Heard:
    """A fault and the alert that was raised because of it.

    Args:
        fault: What was done.
        alert: The first one that should have been raised; None: none was.
        after: How long after the begin.
    """

    fault: Fault
    alert: Raised | None
    after: timedelta | None

    @property
    def in_time(self) -> bool:
        """Whether it was raised in time, where one should be."""
        return not self.fault.pages or (self.after is not None and self.after <= self.fault.within)


def heard(alerts: Sequence[Raised], calendar: Sequence[Fault], start: datetime) -> list[Heard]:
    """Each fault and the first of its alerts."""
    return [_heard(alerts, fault, start) for fault in calendar]


def _heard(alerts: Sequence[Raised], fault: Fault, start: datetime) -> Heard:
    begin, end = start + fault.begin, start + fault.end + fault.fades
    of_it = [one for one in alerts if one.alert in fault.pages and begin <= one.since <= end]
    first = of_it[0] if of_it else None
    return Heard(fault, first, first.since - begin if first else None)


def unexplained(
    alerts: Sequence[Raised], calendar: Sequence[Fault], start: datetime
) -> list[Raised]:
    """Alerts that no fault explains."""
    return [
        one
        for one in alerts
        if not any(fault.explains(one.alert, one.since - start) for fault in calendar)
    ]


def growth_mb(samples: Sequence[Sample], role: str) -> float | None:
    """What a role grows in a month, in MB; None where the run was too short."""
    filled = ENGINE_FILLED_DAYS if role == "valkey" else FILLED_DAYS
    points = [(one.day, one.resident[role] / MB) for one in samples if one.day >= filled]
    points = [(day, value) for day, value in points if value]
    if not points or points[-1][0] - points[0][0] < SHORTEST_DAYS:
        return None
    return slope(points) * MONTH_DAYS


def memory_faults(samples: Sequence[Sample]) -> Iterator[str]:
    """Roles whose memory is not flat."""
    for role in COMMAND_LINES:
        growth, last = growth_mb(samples, role), samples[-1].resident[role] / MB
        if growth is not None and growth > max(LEAST_GROWTH_MB, MOST_GROWTH * last):
            yield f"The memory of {role} grows by {growth:.0f} MB a month, from {last:.0f} MB."


def disk_faults(
    samples: Sequence[Sample], floor_bytes: int, filled: Sequence[Fault]
) -> Iterator[str]:
    """Times when less than the floor was free, but for those when somebody else filled the disk."""
    for one in samples:
        at = timedelta(days=one.day)
        by_others = any(fault.begin <= at <= fault.end + fault.fades for fault in filled)
        if one.free < floor_bytes and not by_others:
            yield f"On day {one.day:.2f} only {one.free / MB:.1f} MB of the disk were free."
            return
