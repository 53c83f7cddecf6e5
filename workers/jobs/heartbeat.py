"""Heartbeat: says that the worker lives, renews its leases, and ends it when a job hangs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from echocast.workers.jobs.job import WorkerInfo
from echocast.workers.jobs.leases import HeldJobs
from echocast.workers.jobs.store import JobStore
from echocast.workers.runtime.periodic import Periodic

HUNG_EXIT_CODE = 70
log = logging.getLogger("echocast.heartbeat")


class Heartbeat:
    """A thread that beats every few seconds while the worker runs.

    Args:
        jobs: Where the signs of life go.
        held: The jobs whose leases are renewed.
        describe: Who is alive, with the models loaded at the moment.
        every_seconds: Time between two beats.
        job_timeout_seconds: A phase of a job that takes longer hangs, and the process ends.
        end_process: How; the leases lapse then and another worker takes over.
    """

    def __init__(
        self,
        jobs: JobStore,
        held: HeldJobs,
        describe: Callable[[], WorkerInfo],
        every_seconds: float,
        job_timeout_seconds: float,
        end_process: Callable[[int], object] = os._exit,
    ) -> None:
        self._jobs = jobs
        self._held = held
        self._describe = describe
        self._job_timeout = job_timeout_seconds
        self._end_process = end_process
        self._periodic = Periodic("heartbeat", self._watch, every_seconds, end_process)

    def start(self) -> None:
        """Beat once, then start the thread."""
        self.beat()
        self._periodic.start()

    def stop(self) -> None:
        """End the thread and take leave."""
        self._periodic.stop()
        self._jobs.say_goodbye(self._held.incarnation)

    def beat(self) -> None:
        """One sign of life with the renewal of every lease."""
        if claims := self._held.claims():
            self._held.lose(self._jobs.renew(claims))
        self._jobs.beat(self._describe())

    def _watch(self) -> None:
        if self._held.longest_seconds() > self._job_timeout:
            log.critical("A phase of a job took longer than %s s.", self._job_timeout)
            self._end_process(HUNG_EXIT_CODE)
        self.beat()
