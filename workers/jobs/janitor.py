"""Janitor: finds jobs whose worker died or whose message was lost; one worker is elected."""

from __future__ import annotations

import os
from collections.abc import Callable

from echocast.workers.jobs.end_line import log_stored_end
from echocast.workers.jobs.job import Sweep
from echocast.workers.jobs.store import JobStore
from echocast.workers.runtime.periodic import Periodic

ELECTED_PERIODS = 3  # periods after which another worker may be elected


class Janitor(Periodic):
    """A thread that sweeps every few seconds where this worker is elected.

    Args:
        jobs: The job store.
        incarnation: Name of this life of the worker process.
        every_seconds: Time between two sweeps.
        unclaimed_seconds: How long a job may wait before its message may count as lost.
        on_sweep: Gets the result of each sweep.
        end_process: How to end the process when sweeping is broken.
    """

    def __init__(
        self,
        jobs: JobStore,
        incarnation: str,
        every_seconds: float,
        unclaimed_seconds: float,
        on_sweep: Callable[[Sweep], None],
        end_process: Callable[[int], object] = os._exit,
    ) -> None:
        self._jobs = jobs
        self._incarnation = incarnation
        self._unclaimed = unclaimed_seconds
        self._on_sweep = on_sweep
        super().__init__("janitor", self.sweep, every_seconds, end_process)

    def sweep(self) -> Sweep | None:
        """Sweep once, or None where another worker is elected."""
        if not self._jobs.elect(self._incarnation, ELECTED_PERIODS * self._every):
            return None
        sweep = self._jobs.sweep(self._unclaimed)
        for job in map(self._jobs.get, sweep.ended):
            if job is not None:
                log_stored_end(job)
        self._on_sweep(sweep)
        return sweep
