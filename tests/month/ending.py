"""Ending: a month that is to end before its last day, which is then judged by what there is."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from tests.month.calendar import DAY, Fault

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Ending:
    """Whether the month should end now, and why.

    Args:
        minutes: Real ones after which it ends; None: as many as it takes.
    """

    def __init__(self, minutes: float | None = None) -> None:
        self._minutes, self._end = minutes, time.monotonic() + 60 * (minutes or 0)
        self._signal = ""

    @property
    def reason(self) -> str:
        """Why it should end; empty: it should go on."""
        if self._signal:
            return self._signal
        over = self._minutes is not None and time.monotonic() > self._end
        return f"its {self._minutes:g} minutes" if over else ""

    @contextmanager
    def by_signals(self) -> Iterator[None]:
        """While the context lasts, the first signal asks for the end; a second one ends at once."""
        before = {number: signal.signal(number, self._note) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        if self._signal:
            sys.exit("terminated")
        self._signal = signal.Signals(number).name
        print(f"{self._signal}: ends after this frame, and is judged then.", flush=True)


def what_is_not_shown(
    calendar: Sequence[Fault], at: timedelta, days: float, reason: str
) -> Iterator[str]:
    """That a month ended early, and what did not come; nothing where it came to its end.

    Args:
        calendar: All that was planned.
        at: When it ended, since its start.
        days: How long it was meant to be.
        reason: Why it ended; empty: it came to its end.
    """
    if reason:
        yield f"It was ended by {reason} on day {at / DAY:.2f} of {days:g}."
        if unshown := [fault.name for fault in calendar if not fault.is_judged_at(at)]:
            yield f"Not shown, as it ended before: {'; '.join(unshown)}."
