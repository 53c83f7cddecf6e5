"""Janitor: finds jobs that a dead worker held or whose message was lost; one worker is elected."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from workers.claims import ClaimStore, Sweep
from workers.errors import EngineUnavailable

ELECTED_PERIODS = 3  # periods after which a silent janitor's office is open to others
log = logging.getLogger("echocast.janitor")


class Janitor:
    """A thread that sweeps every few seconds where this worker is elected.

    Args:
        jobs: The jobs to look after.
        incarnation: Name of this life of the worker process.
        every_seconds: Time between two sweeps.
        unclaimed_seconds: How long a job may wait before its message may count as lost.
        on_sweep: Hears what was found.
    """

    def __init__(
        self,
        jobs: ClaimStore,
        incarnation: str,
        every_seconds: float,
        unclaimed_seconds: float,
        on_sweep: Callable[[Sweep], None],
    ) -> None:
        self._jobs = jobs
        self._incarnation = incarnation
        self._every = every_seconds
        self._unclaimed = unclaimed_seconds
        self._on_sweep = on_sweep
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="janitor", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    def sweep(self) -> Sweep | None:
        """Sweep once, or None where another worker is elected."""
        if not self._jobs.elect(self._incarnation, ELECTED_PERIODS * self._every):
            return None
        sweep = self._jobs.sweep(self._unclaimed)
        self._on_sweep(sweep)
        return sweep

    def _loop(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                self.sweep()
            except EngineUnavailable as error:
                log.error("The sweep failed and is tried again: %s", error)
