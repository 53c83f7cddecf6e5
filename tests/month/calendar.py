"""What befalls the service in a month, and what must be heard of it: the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

    def explains(self, alert: str, since: timedelta) -> bool:
        """Whether an alert that is raised then follows from it."""
        named = alert in (*self.pages, *self.may)
        return named and self.begin <= since <= self.end + self.fades


@dataclass(frozen=True)
class Kind:
    """A kind of fault: as :class:`Fault`, and in which part of the month it begins, 0 to 1."""

    name: str
    part: float
    lasts: timedelta
    pages: tuple[str, ...] = ()
    within: timedelta = timedelta(0)
    may: tuple[str, ...] = ()
    fades: timedelta = timedelta(0)


GAPS = ("StreamStale", "VerificationStalled", "InputFault")
KINDS = (
    Kind("outage", 0.10, 6 * HOUR, ("StreamStale",), 2 * HOUR, GAPS, 3 * HOUR),
    Kind("first promotion", 0.20, HOUR),
    Kind("valkey killed", 0.25, HOUR),
    Kind("replay of an older day", 0.32, HOUR),
    Kind("implausible frame", 0.40, HOUR, ("FrameImplausible",), HOUR, (), 3 * HOUR),
    Kind(
        "worker killed, and not started again",
        0.46,
        HOUR,
        ("NoWorker",),
        HOUR / 12,
        ("QueueOld", "JobsFail", "VerificationStalled"),
        HOUR,
    ),
    Kind("second promotion", 0.52, HOUR),
    Kind(
        "worse model, then a rollback", 0.60, 4 * DAY, ("SkillDrift", "BiasShift"), 4 * DAY, (), DAY
    ),
    Kind("stream paused", 0.78, 12 * HOUR),
    Kind(
        "disk filled by somebody else", 0.93, 3 * HOUR, ("DiskLow",), HOUR, ("WorkerShort",), HOUR
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
    for kind in KINDS:
        begin = (kind.part + chance.uniform(0, 1 / 60)) * whole
        if only and kind.name not in only:
            continue
        if begin >= NEEDED.get(kind.name, timedelta(0)) and begin + kind.lasts < whole:
            yield Fault(kind.name, begin, kind.lasts, kind.pages, kind.within, kind.may, kind.fades)
