"""What befalls the service in a month, and what must be heard of it: the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

HOUR = timedelta(hours=1)
DAY = 24 * HOUR


@dataclass(frozen=True)
class Fault:
    """Something that is done to the service.

    Args:
        name: What.
        begin: Since the start of the month.
        lasts: Until it is over.
        pages: Alerts of which one must be raised; none: nothing may.
        within: How soon after the begin.
        may: Other alerts that it explains.
        fades: How long after its end they may still be raised.
    """

    name: str
    begin: timedelta
    lasts: timedelta
    pages: tuple[str, ...] = ()
    within: timedelta = timedelta(0)
    may: tuple[str, ...] = ()
    fades: timedelta = timedelta(0)

    @property
    def end(self) -> timedelta:
        """When it is over."""
        return self.begin + self.lasts

    def is_judged_at(self, now: timedelta) -> bool:
        """Whether it has begun by then, and its alert must have come."""
        return self.begin + self.within <= now

    def explains(self, alert: str, since: timedelta) -> bool:
        """Whether an alert that is raised then follows from it."""
        named = alert in (*self.pages, *self.may)
        return named and self.begin <= since <= self.end + self.fades


GAPS = ("StreamStale", "VerificationStalled", "InputFault")
MONTH = 30 * DAY
WHOLE_MONTH = (  # before the seed moves them
    Fault("outage", 3 * DAY, 6 * HOUR, ("StreamStale",), 2 * HOUR, GAPS, 3 * HOUR),
    Fault("first promotion", 6 * DAY, HOUR),
    Fault("valkey killed", 7.5 * DAY, HOUR),
    Fault("replay of an older day", 9.6 * DAY, HOUR),
    Fault(
        "implausible frames",
        12 * DAY,
        2 * HOUR,
        ("FrameImplausible",),
        1.5 * HOUR,
        ("StreamStale",),  # they count as missing, so that the newest frame grows old
        HOUR,
    ),
    Fault(
        "worker killed, and not started again",
        13.8 * DAY,
        HOUR,
        ("NoWorker",),
        HOUR / 12,
        ("QueueOld", "JobsFail", "VerificationStalled"),
        HOUR,
    ),
    Fault("second promotion", 15.6 * DAY, HOUR),
    Fault("absurd model, then a rollback", 16.8 * DAY, 3 * HOUR, ("SwapFailed",), HOUR, (), HOUR),
    Fault(
        "worse model, then a rollback",
        18 * DAY,
        4 * DAY,
        ("SkillDrift", "BiasShift"),
        4 * DAY,
        (),
        DAY,
    ),
    Fault("stream paused", 23.4 * DAY, 12 * HOUR),
    Fault(
        "disk filled by somebody else",
        27.9 * DAY,
        3 * HOUR,
        ("DiskLow",),
        HOUR,
        ("WorkerShort",),
        HOUR,
    ),
)
NEEDED = {"worse model, then a rollback": 12 * DAY}  # before it, or no chart has its samples


def calendar(days: float, seed: int, only: Sequence[str] = ()) -> list[Fault]:
    """All faults of a run, in order.

    Args:
        days: How long it is; faults lie as far apart as it is long, and each lasts as long as ever.
        seed: Moves each by up to half a day, in a whole month.
        only: Names of the only ones; empty: all for which there is time.
    """
    return sorted(_faults(days * DAY, random.Random(seed), only), key=lambda fault: fault.begin)


def _faults(whole: timedelta, chance: random.Random, only: Sequence[str]) -> Iterator[Fault]:
    for fault in WHOLE_MONTH:
        begin = (fault.begin / MONTH + chance.uniform(0, 1 / 60)) * whole
        moved = replace(fault, begin=begin)
        has_history = begin >= NEEDED.get(fault.name, timedelta(0))
        if has_history and moved.end < whole and (not only or fault.name in only):
            yield moved
