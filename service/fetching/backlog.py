"""Backlog: which images are fetched next. Each is a frame once, whenever it comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from echocast.service.client.ledger import Ledger
from echocast.service.fetching.pace import LATER, growing_pause
from echocast.service.sources.listing import Available
from echocast.service.sources.source import ByClock, RadarSource

FIRST_IMAGES: Final = 12  # with which a source begins: ten for a forecast, and two in reserve
MOST_OLDER: Final = 24  # images older than those, in one look
RECENT_STEPS: Final = 24  # that every look looks at
LONGEST_BACK: Final = timedelta(hours=24)  # for which images are fetched that come late
EVERY: Final = timedelta(hours=1)  # a look goes back that far
AHEAD: Final = timedelta(hours=1)  # of times in lists, where our clock is late


class Backlog:
    """Images of one source that are not frames yet.

    Args:
        source: Whose.
        ledger: Remembers what is done, by valid time.
    """

    def __init__(self, source: RadarSource, ledger: Ledger) -> None:
        self._source = source
        self._ledger = ledger
        self._done = set(_times(ledger.done))
        self._first = min(self._done, default=None)
        self._postponed: dict[datetime, datetime] = {}
        self._far_back: datetime | None = None

    @property
    def newest(self) -> datetime | None:
        """Valid time of the newest image that is done."""
        return max(self._done, default=None)

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """From which to which valid time images are looked for now."""
        by_clock = isinstance(self._source.fetch, ByClock)
        latency, step = self._source.latency, self._source.step
        recent = now - latency - RECENT_STEPS * step
        if self._first is not None and (self._far_back is None or now - self._far_back >= EVERY):
            back = min(LONGEST_BACK, timedelta(hours=self._source.retention_hours))
            self._far_back = now
            recent = min(recent, max(self._first, now - back))
        return recent, now - latency if by_clock else now + AHEAD

    def next(self, listed: Sequence[Available], now: datetime) -> Iterator[Available]:
        """Those of the images that are due: the newest twelve by time, then what is older.

        Args:
            listed: Oldest first.
            now: The time now.
        """
        if self._first is None and listed:
            self._first = listed[-FIRST_IMAGES:][0].time
        due = [one for one in listed if self._is_due(one.time, now)]
        older = due[:-FIRST_IMAGES]
        if len(older) > MOST_OLDER:
            self._far_back = None  # the next look goes on with them
        yield from due[-FIRST_IMAGES:]
        yield from reversed(older[-MOST_OLDER:])

    def done(self, time: datetime) -> None:
        """An image is a frame, or will never be one."""
        self._postponed.pop(time, None)
        self._done.add(time)
        self._ledger.note(time.isoformat())

    def postpone(self, time: datetime, now: datetime) -> None:
        """An image is not there or could not be used: it is tried again, ever more rarely."""
        waited = now - time - self._source.latency
        self._postponed[time] = now + growing_pause(waited, LATER)
        gone = now - LONGEST_BACK - EVERY
        self._postponed = {t: until for t, until in self._postponed.items() if t > gone}

    def begin_anew(self) -> None:
        """The stream is new: what was done for an earlier one of its name does not count."""
        self._ledger.clear()
        self._done.clear()
        self._postponed.clear()
        self._first = None

    def _is_due(self, time: datetime, now: datetime) -> bool:
        begun = self._first is None or time >= self._first
        return begun and time not in self._done and self._postponed.get(time, now) <= now


def _times(identities: Iterable[str]) -> Iterator[datetime]:
    for identity in identities:
        with suppress(ValueError):  # a line that was torn
            yield datetime.fromisoformat(identity)
