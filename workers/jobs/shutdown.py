"""A worker that gets a signal to stop gives back the jobs that it can't finish in time.

A planned restart must not count as an attempt at a job: large forecasts would be poison after three
restarts although nothing was wrong with them.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from celery.signals import worker_shutting_down

from echocast.workers.errors import EngineUnavailable
from echocast.workers.jobs.leases import JobLeases
from echocast.workers.jobs.store import JobStore

log = logging.getLogger("echocast.shutdown")


@contextmanager
def graceful_stop(jobs: JobStore, leases: JobLeases, grace_seconds: float) -> Iterator[None]:
    """While the context lasts, a signal to stop ends the process after the grace at the latest.

    Args:
        jobs: Takes the jobs back.
        leases: Of the jobs that run.
        grace_seconds: How long they may go on after the signal.
    """

    def stop() -> None:
        log.info("The worker stops; what it has not done in %g s is given back.", grace_seconds)
        time.sleep(grace_seconds)
        with suppress(EngineUnavailable):
            give_all_back(jobs, leases)
        os._exit(0)

    def on_signal(**_: object) -> None:
        leases.stopping = True
        threading.Thread(target=stop, name="shutdown", daemon=True).start()

    worker_shutting_down.connect(on_signal, weak=False)
    try:
        yield
    finally:
        worker_shutting_down.disconnect(on_signal)


def give_all_back(jobs: JobStore, leases: JobLeases) -> None:
    """Put all that was claimed, to run or to score, back into the queue, and say goodbye."""
    leases.close()
    for claim, job_id in leases.claims().items():
        log.info("Job %s is given back: the worker stops.", job_id)
        jobs.give_back(job_id, claim)
    jobs.say_goodbye(leases.incarnation)
