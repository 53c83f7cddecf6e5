"""Heartbeat: says that the worker lives, renews its leases, and ends it when a job hangs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from echocast.workers.jobs.leases import JobLeases
from echocast.workers.jobs.store import JobStore
from echocast.workers.jobs.worker_info import WorkerInfo
from echocast.workers.runtime.periodic import Periodic

HUNG_EXIT_CODE = 70
log = logging.getLogger("echocast.heartbeat")


class Heartbeat(Periodic):
    """A thread that beats every few seconds while the worker runs.

    Args:
        jobs: Gets the signs of life.
        leases: The leases to renew.
        describe: Describes this worker, with the models loaded at the moment.
        every_seconds: Time between two beats.
        job_timeout_seconds: A phase of a job that takes longer hangs, and the process ends.
        end_process: How to end it; the leases lapse then and another worker takes over.
    """

    def __init__(
        self,
        jobs: JobStore,
        leases: JobLeases,
        describe: Callable[[], WorkerInfo],
        every_seconds: float,
        job_timeout_seconds: float,
        end_process: Callable[[int], object] = os._exit,
    ) -> None:
        self._jobs = jobs
        self._leases = leases
        self._describe = describe
        self._job_timeout = job_timeout_seconds
        super().__init__("heartbeat", self._watch, every_seconds, end_process)

    def start(self) -> None:
        """Beat once, then start the thread."""
        self.beat()
        super().start()

    def stop(self) -> None:
        """End the thread, and have the engine forget this worker."""
        super().stop()
        self._jobs.say_goodbye(self._leases.incarnation)

    def beat(self) -> None:
        """One sign of life with the renewal of every lease; none after the goodbye."""
        if claims := self._leases.claims():
            self._leases.mark_lost(self._jobs.renew(claims))
        with self._leases.open() as goes_on:
            if goes_on:
                self._jobs.beat(self._describe())

    def _watch(self) -> None:
        if self._leases.longest_seconds() > self._job_timeout:
            log.critical("A phase of a job took longer than %s s.", self._job_timeout)
            self._end_process(HUNG_EXIT_CODE)
        self.beat()
