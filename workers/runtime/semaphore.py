"""Room: a limited place that jobs enter in the order they come, some taking more of it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """A fair weighted semaphore: who takes the whole room is alone in it.

    Args:
        capacity: How much fits in at once; a larger amount counts as the whole room.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._free = capacity
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def take(self, amount: int) -> Iterator[None]:
        """Wait in line for an amount of the room and leave it at the end."""
        amount = min(amount, self.capacity)
        self._enter(amount)
        try:
            yield
        finally:
            with self._changed:
                self._free += amount
                self._changed.notify_all()

    def _enter(self, amount: int) -> None:
        ticket = object()
        with self._changed:
            self._line.append(ticket)
            self._changed.wait_for(lambda: self._line[0] is ticket and self._free >= amount)
            self._line.popleft()
            self._free -= amount
            self._changed.notify_all()
