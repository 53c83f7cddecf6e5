"""One cause fills no log: its traceback is logged once a minute, its lines always."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

PAUSE_SECONDS: Final = 60.0
MOST_CAUSES: Final = 1000
Cause = tuple[str, str, int]


class RepeatedTracebacks(logging.Filter):
    """A filter of log records that takes tracebacks away which were logged a moment ago.

    A cause is the type of an exception and the place that raised it.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._logged: dict[Cause, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, some without their traceback."""
        if record.exc_info and record.exc_info[0] is not None:
            cause = (record.exc_info[0].__name__, *_place(record.exc_info[2]))
            if self._is_repeated(cause):
                name, path, line = cause
                record.msg = f"{record.getMessage()} ({name} at {path}:{line}, as before)"
                record.args = record.exc_info = record.exc_text = None
        return True

    def _is_repeated(self, cause: Cause) -> bool:
        now = self._clock()
        if now - self._logged.get(cause, -PAUSE_SECONDS) < PAUSE_SECONDS:
            return True
        if len(self._logged) >= MOST_CAUSES:
            self._logged.clear()
        self._logged[cause] = now
        return False


def filter_tracebacks() -> None:
    """Filter what the handlers of the root logger write."""
    repeated = RepeatedTracebacks()
    for handler in logging.getLogger().handlers:
        handler.addFilter(repeated)


def _place(traceback: TracebackType | None) -> tuple[str, int]:
    """File and line that raised."""
    if traceback is None:
        return "", 0
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
