"""Batches made ahead of the steps that take them, so that a fast device need not wait."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from echocast.model.training.sampler import Batch, Sampler


class Loader:
    """Draws the batches of one sampler, ahead of time where it has threads.

    The batches are the sampler's own whatever the threads: a step's batch depends on its number
    alone.

    Args:
        sampler: Draws them.
        threads: That draw at once, and batches that lie ready at most; 0: drawn when asked for.
    """

    def __init__(self, sampler: Sampler, threads: int = 0) -> None:
        self._sampler, self._threads = sampler, threads
        self.waited_seconds = 0.0

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        """The batches of steps ``first`` to ``last``, the last one not included."""
        with ThreadPoolExecutor(max(self._threads, 1)) as pool:
            ready: deque[Future[Batch]] = deque()
            asked = first
            try:
                for step in range(first, last):
                    while asked < min(step + max(self._threads, 1), last):
                        ready.append(pool.submit(self._sampler.batch, asked))
                        asked += 1
                    started = time.monotonic()
                    batch = ready.popleft().result()
                    self.waited_seconds += time.monotonic() - started
                    yield batch
            finally:
                for future in ready:
                    future.cancel()
