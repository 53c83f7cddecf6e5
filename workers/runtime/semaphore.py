"""A fair weighted semaphore: who comes first enters first, and some take more than others."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class FairSemaphore:
    """A weighted semaphore with a queue: who takes the whole capacity is alone.

    Args:
        capacity: How much fits in at once; a larger amount counts as all of it.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._free = capacity
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def take(self, amount: int) -> Iterator[None]:
        """Wait in the queue for an amount, and give it back at the end of the context."""
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
            self._queue.append(ticket)
            self._changed.wait_for(lambda: self._queue[0] is ticket and self._free >= amount)
            self._queue.popleft()
            self._free -= amount
            self._changed.notify_all()
