"""What one elected worker does for all streams now and then, e.g. a sweep for work left undone."""

from __future__ import annotations

import logging
from collections.abc import Callable

from echocast.workers.errors import EngineUnavailable
from echocast.workers.jobs.janitor import ELECTED_PERIODS
from echocast.workers.runtime.periodic import Periodic
from echocast.workers.streams.processing import StreamProcessing

log = logging.getLogger("echocast.streams")


def sweeper(
    processing: StreamProcessing, elect: Callable[[float], bool], every_seconds: float
) -> Periodic:
    """A thread that sweeps every few seconds where this worker is elected.

    Args:
        processing: Does it.
        elect: Whether this worker is the one for the next so many seconds.
        every_seconds: Time between two sweeps.
    """
    return elected(
        "sweep", processing.sweep, lambda: elect(ELECTED_PERIODS * every_seconds), every_seconds
    )


def elected(
    name: str, act: Callable[[], object], is_elected: Callable[[], bool], every_seconds: float
) -> Periodic:
    """A thread that does something every so often where this worker is elected.

    An unexpected error is logged and doesn't end the process: the worker still takes jobs, and the
    next time may go well.
    """

    def act_if_elected() -> None:
        try:
            if is_elected():
                act()
        except EngineUnavailable:
            raise
        except Exception:  # the boundary of this thread
            log.exception("The %s failed unexpectedly and is tried again.", name)

    return Periodic(name, act_if_elected, every_seconds)
