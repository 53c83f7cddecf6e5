"""Who sends what is no HTTP fills no log: a warning is logged once a minute, with its number."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

PAUSE_SECONDS = 60.0


class RepeatedWarnings(logging.Filter):
    """A filter for a logger whose warnings strangers can cause; their texts are few.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._logged: dict[str, float] = {}
        self._left_out: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a warning pass where the last of its text is a minute old."""
        if record.levelno != logging.WARNING:
            return True
        text, now = str(record.msg), self._clock()
        if now - self._logged.get(text, -PAUSE_SECONDS) < PAUSE_SECONDS:
            self._left_out[text] += 1
            return False
        self._logged[text] = now
        if count := self._left_out.pop(text, 0):
            record.msg = f"{record.getMessage()} ({count} more since the last such line)"
            record.args = None
        return True
