"""A played agency with a radar: an image each step, late by a latency, with faults that recur.

Everything goes by a clock that a test drives, but for the service, whose clock is real.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache

from echocast.service.client.feed import netcdf_bytes
from tests.service.fetching.played_agency import Asked, Reply
from tests.service.fetching.played_lists import NAME, page_of, signed_reply, time_of
from tests.service.streams.stream_feed import frames

STEP = timedelta(minutes=15)
LATENCY = timedelta(minutes=2)
DAY = datetime(2026, 7, 1, tzinfo=UTC)
MIB = bytes(1 << 20)
TEN_GIGABYTES = 10 * 1024**3


@cache
def image(time: datetime) -> bytes:
    """A whole file of a synthetic storm at a time."""
    storm = frames(side=16)
    slot = int((time - DAY) / STEP) % len(storm)
    one = storm[slot : slot + 1]
    return netcdf_bytes(one.with_values(one.reflectivity_dbz, [time]))


@dataclass
class Clock:
    """The true time, and that of a machine whose clock is off."""

    true: datetime
    off: timedelta = timedelta()

    def __call__(self) -> datetime:
        return self.true + self.off


@dataclass
class PlayedRadar:
    """Answers as an agency does.

    Args:
        clock: True time.
        fault: What stands in the way of an image, by its time and how often it was asked for;
            None: nothing.
        down: Whether the agency fails now.
        late: How much later than usual an image is there; None: never.
    """

    clock: Clock
    fault: Callable[[datetime, int], Reply | None] = lambda *_: None
    down: Callable[[datetime], Reply | None] = lambda _: None
    late: Callable[[datetime], timedelta | None] = lambda _: timedelta()
    tries: Counter[datetime] = field(default_factory=Counter)

    def __call__(self, asked: Asked) -> Reply:
        reply = self._reply(asked)
        date = {"Date": format_datetime(self.clock.true.replace(microsecond=0), usegmt=True)}
        return Reply(reply.body, reply.status, {**date, **reply.headers}, reply.length)

    def _reply(self, asked: Asked) -> Reply:
        if down := self.down(self.clock.true):
            return down
        if reply := signed_reply(asked) or page_of(asked.path, self._names()):
            return reply
        time = time_of(asked.path)
        if not self.is_there(time):
            return Reply(status=403 if time.minute % 2 else 404)
        self.tries[time] += 1
        return self.fault(time, self.tries[time]) or Reply(image(time))

    def _names(self) -> list[str]:
        """Names of the last ten hours' images; of some there are two."""
        newest = int((self.clock.true - DAY) / STEP)
        slots = (DAY + n * STEP for n in range(newest - 40, newest + 1))
        names = [f"{time:{NAME}}" for time in slots if self.is_there(time)]
        return [*names, *(f"copy/{name}" for name in names[::5])]

    def is_there(self, time: datetime) -> bool:
        """Whether an image is published by now."""
        late = self.late(time)
        return late is not None and time + LATENCY + late <= self.clock.true


def zeros() -> Iterator[bytes]:
    """The body of ten gigabytes, never stored."""
    for _ in range(TEN_GIGABYTES // len(MIB)):
        yield MIB
