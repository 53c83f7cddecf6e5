"""Which job a thread of a worker runs next: the one whose turn it is, once there is room for it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import NamedTuple

from echocast.workers.jobs.job import Job
from echocast.workers.tasks.context import WorkerContext

LOOK_SECONDS = 0.05  # until a full worker looks again whose turn it is


class Claimed(NamedTuple):
    """A job, the claim by which this worker has it, and whether it runs alone."""

    job: Job
    claim: str
    alone: bool


def claim_next(context: WorkerContext, message: str, room: ExitStack) -> Claimed | None:
    """The job whose turn it is, claimed, or None where none waits; ``room`` ends with the job.

    Few threads wait here, so that others are left for frames that come. One whose job has ended
    comes back, so no wake-up is needed for what waits meanwhile.
    """
    if not context.room.waiting.acquire(blocking=False):
        return None
    try:
        with context.choosing:
            return _choose(context, message, room)
    finally:
        context.room.waiting.release()


def _choose(context: WorkerContext, message: str, room: ExitStack) -> Claimed | None:
    """One thread chooses at a time.

    A job is claimed when there is room for it; until then it waits in the queue, where its deadline
    counts and any worker may claim it, and the wait is no attempt. Meanwhile the turn may become
    another's, so it is asked for again and again.
    """
    while not context.leases.closed and (job := context.jobs.next_waiting(message)):
        with ExitStack() as needs:
            entering = context.room.enter(
                job.account,
                _cost(job),
                alone=job.alone,
                may_wait=job.may_wait,
                patience=-1 if job.alone else LOOK_SECONDS,
            )
            has_room = needs.enter_context(entering)
            if has_room and (claimed := _claim(context, job, needs)):
                room.push(needs.pop_all())
                return claimed
    return None


def _claim(context: WorkerContext, job: Job, room: ExitStack) -> Claimed | None:
    """The claimed job, where nobody else has it."""
    claim = context.leases.new_claim()
    with context.leases.open() as may_claim:
        if not may_claim:
            return None
        claimed = context.jobs.claim(job.id, claim, context.leases.incarnation, alone=job.alone)
        if isinstance(claimed, str):
            return None
        room.enter_context(context.leases.hold(claim, job.id))
    return Claimed(claimed, claim, job.alone)


def _cost(job: Job) -> int:
    frames, height, width = job.shape
    return frames * height * width
