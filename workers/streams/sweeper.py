"""Sweeper: a thread that looks for work on streams that was left undone; one worker is elected."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from workers.errors import EngineUnavailable
from workers.janitor import ELECTED_PERIODS
from workers.streams.desk import StreamDesk

log = logging.getLogger("echocast.streams")


class Sweeper:
    """Sweeps every few seconds where this worker is elected.

    Args:
        desk: Does it.
        elect: Whether this worker is the one for the next so many seconds.
        every_seconds: Time between two sweeps.
    """

    def __init__(
        self, desk: StreamDesk, elect: Callable[[float], bool], every_seconds: float
    ) -> None:
        self._desk = desk
        self._elect = elect
        self._every = every_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sweeper", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                if self._elect(ELECTED_PERIODS * self._every):
                    self._desk.sweep()
            except EngineUnavailable as error:
                log.error("The sweep failed and is tried again: %s", error)
            except Exception:  # the boundary of this thread: the next sweep may succeed
                log.exception("The sweep failed unexpectedly and is tried again.")
