"""A pause before an account's next refusal, where many of its uploads were refused lately."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from echocast.service.auth.rate_limit import FORGET_BEYOND

LONGEST_PAUSE_SECONDS = 10.0
AT_ONCE_SECONDS = 10.0  # whose refusals may come in one moment


class RefusalPause:
    """Delays refusals to a caller who sends unreadable uploads again and again.

    An account's refusals of ten seconds are answered at once, and its first one in any case. Those
    beyond come one after the other, in the pace of the limit, so that their reading leaves the
    processors to others.

    Args:
        per_minute: Refusals a minute that need not wait; 0: none does.
        clock: Seconds that only grow.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self.clock = clock
        self._next: dict[str, float] = {}  # when each account's next refusal is due
        self._stopping = asyncio.Event()

    async def pause(self, account: str) -> None:
        """Count a refusal, and return when it may be answered."""
        seconds = self.take(account)
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    def take(self, account: str) -> float:
        """Count a refusal; the seconds until its answer, at most the longest pause."""
        if not self.per_minute:
            return 0.0
        if len(self._next) > FORGET_BEYOND:
            self._next.clear()
        now, pace = self.clock(), 60 / self.per_minute
        due = max(self._next.get(account, 0.0), now - max(pace, AT_ONCE_SECONDS)) + pace
        self._next[account] = min(due, now + LONGEST_PAUSE_SECONDS)
        return max(0.0, self._next[account] - now)

    def stop(self) -> None:
        """Let nobody wait any longer: the service stops."""
        self._stopping.set()
