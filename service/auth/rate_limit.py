"""How often one caller may submit."""

from __future__ import annotations

import time
from collections.abc import Callable

from echocast.service.errors import RateExceeded

FORGET_BEYOND = 10_000


class RateLimit:
    """A token bucket per caller that holds one minute's worth.

    Args:
        per_minute: Submissions a minute; 0 switches the limit off.
        clock: Seconds that only grow.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self.clock = clock
        self.buckets: dict[str, tuple[float, float]] = {}

    def take(self, caller: str) -> None:
        """Count one submission.

        Raises:
            RateExceeded: The caller has used up its minute.
        """
        if not self.per_minute:
            return
        now = self.clock()
        tokens, then = self.buckets.get(caller, (float(self.per_minute), now))
        tokens = min(self.per_minute, tokens + (now - then) * self.per_minute / 60)
        if tokens < 1:
            raise RateExceeded(f"At most {self.per_minute} submissions a minute are allowed.")
        if len(self.buckets) > FORGET_BEYOND:
            self.buckets.clear()
        self.buckets[caller] = (tokens - 1, now)
