"""Leaving: a worker that is told to stop gives back what it can't finish in time.

A planned restart must not cost a job one of its lives: large forecasts would be poison after three
restarts although nothing was wrong with them.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from celery.signals import worker_shutting_down

from echocast.workers.errors import EngineUnavailable
from echocast.workers.jobs.leases import HeldJobs
from echocast.workers.jobs.store import JobStore

log = logging.getLogger("echocast.leaving")


@contextmanager
def leaving(
    jobs: JobStore,
    held: HeldJobs,
    grace_seconds: float,
    end_process: Callable[[int], object] = os._exit,
) -> Iterator[None]:
    """While the context lasts, a signal to stop ends the process after the grace at the latest.

    Args:
        jobs: Takes back what is held.
        held: The jobs that run.
        grace_seconds: How long they may go on after the signal.
        end_process: How to end it, with an exit code.
    """

    def leave() -> None:
        time.sleep(grace_seconds)
        with suppress(EngineUnavailable):
            give_all_back(jobs, held)
        end_process(0)

    def on_signal(**_: object) -> None:
        threading.Thread(target=leave, name="leaving", daemon=True).start()

    worker_shutting_down.connect(on_signal, weak=False)
    try:
        yield
    finally:
        worker_shutting_down.disconnect(on_signal)


def give_all_back(jobs: JobStore, held: HeldJobs) -> None:
    """Put every held job back into the queue, claim no other, and take leave."""
    held.close()
    given: set[str] = set()
    while new := {c: job for c, job in held.claims().items() if c not in given}:
        for claim, job_id in new.items():
            log.info("Job %s is given back: the worker stops.", job_id)
            jobs.give_back(job_id, claim)
        given.update(new)
    jobs.say_goodbye(held.incarnation)
