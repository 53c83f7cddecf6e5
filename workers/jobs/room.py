"""The room that a worker has for work at one time, of which no account can take all."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SPARE_SHARE = 1 / 8  # of the pixels, for the spare place
WAITING_SHARE = 1 / 2  # of the room, for work that may wait


@dataclass(eq=False)
class _Visit:
    """One piece of work that waits for room, or has it."""

    account: str
    pixels: int
    alone: bool
    share: float = 1.0
    spare: bool = False


class Room:
    """Room for so many pieces of work, first come, first served, and one spare place.

    Where accounts fill the room, the spare place is for a small job of an account that has nothing
    in it: that one need not wait until one of theirs ends. ``waiting`` is for threads that wait for
    work to enter with: as many as could enter an empty room.

    Args:
        places: How many pieces of work are in it at a time, besides the one in the spare place.
        pixels: Most pixels x frames of all; a single larger job still enters, alone.
    """

    def __init__(self, places: int, pixels: int) -> None:
        self.places = places
        self.waiting = threading.BoundedSemaphore(places)
        self.spare_pixels = int(SPARE_SHARE * pixels)
        self.pixels = pixels - self.spare_pixels  # of all others
        self._inside: list[_Visit] = []
        self._queue: deque[_Visit] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def enter(
        self,
        account: str = "",
        pixels: int = 0,
        *,
        alone: bool = False,
        may_wait: bool = False,
        patience: float = -1,
    ) -> Iterator[bool]:
        """A context that gives whether there is room; false: there was none within ``patience``.

        Args:
            account: Whose work it is.
            pixels: Pixels x frames.
            alone: Nothing else may be in the room.
            may_wait: It leaves half of the room to other work.
            patience: Seconds; negative: without end.
        """
        visit = _Visit(account, pixels, alone, WAITING_SHARE if may_wait else 1.0)
        entered = self._wait(visit, None if patience < 0 else patience)
        try:
            yield entered
        finally:
            if entered:
                with self._changed:
                    self._inside.remove(visit)
                    self._changed.notify_all()

    def _wait(self, visit: _Visit, seconds: float | None) -> bool:
        with self._changed:
            self._queue.append(visit)
            entered = self._changed.wait_for(
                lambda: self._fits(visit) or self._fits_beside(visit), seconds
            )
            if entered:
                visit.spare = not self._fits(visit)
                self._inside.append(visit)
            self._queue.remove(visit)
            self._changed.notify_all()
        return entered

    def _fits(self, visit: _Visit) -> bool:
        """Whether it is the next, and there is room for it."""
        if self._queue[0] is not visit or any(other.alone for other in self._inside):
            return False
        if visit.alone:
            return not self._inside
        others = [other for other in self._inside if not other.spare]
        taken = sum(other.pixels for other in others)
        places, pixels = visit.share * self.places, visit.share * self.pixels
        return len(others) < places and (not taken or taken + visit.pixels <= pixels)

    def _fits_beside(self, visit: _Visit) -> bool:
        """Whether the spare place is free, and for this one."""
        return (
            not visit.alone
            and not self._queue[0].alone
            and visit.pixels <= self.spare_pixels
            and visit.share == 1
            and not any(
                other.alone or other.spare or other.account == visit.account
                for other in self._inside
            )
        )
