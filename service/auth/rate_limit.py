"""How often one caller may ask, and how much at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from echocast.service.errors import RateExceeded, ShareUsed

FORGET_BEYOND = 10_000


class RateLimit:
    """A token bucket per caller that holds one minute's worth.

    Args:
        per_minute: Requests a minute; 0 switches the limit off.
        noun: What is counted, for messages.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        per_minute: int,
        noun: str = "submissions",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.per_minute = per_minute
        self.noun = noun
        self.clock = clock
        self.buckets: dict[str, tuple[float, float]] = {}

    def take(self, caller: str) -> None:
        """Count one request.

        Raises:
            RateExceeded: The caller has used up its minute.
        """
        if not self.per_minute:
            return
        now = self.clock()
        tokens, then = self.buckets.get(caller, (float(self.per_minute), now))
        tokens = min(self.per_minute, tokens + (now - then) * self.per_minute / 60)
        if tokens < 1:
            raise RateExceeded(f"At most {self.per_minute} {self.noun} a minute are allowed.")
        if len(self.buckets) > FORGET_BEYOND:
            self.buckets.clear()
        self.buckets[caller] = (tokens - 1, now)


class ConcurrencyLimit:
    """How many uploads of one caller may arrive at a time.

    Args:
        most: Uploads; 0 switches the limit off.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.arriving: Counter[str] = Counter()

    @contextmanager
    def counted(self, caller: str) -> Iterator[None]:
        """Count an upload while the context lasts.

        Raises:
            ShareUsed: The caller has as many under way already.
        """
        if self.most and self.arriving[caller] >= self.most:
            raise ShareUsed(f"At most {self.most} uploads of one caller may arrive at a time.")
        self.arriving[caller] += 1
        try:
            yield
        finally:
            self.arriving[caller] -= 1
            if not self.arriving[caller]:
                del self.arriving[caller]
