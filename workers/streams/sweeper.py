"""The sweep for work on streams that was left undone; one worker is elected for it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from workers.errors import EngineUnavailable
from workers.janitor import ELECTED_PERIODS
from workers.periodic import Periodic
from workers.streams.processing import StreamProcessing

log = logging.getLogger("echocast.streams")


def sweeper(
    processing: StreamProcessing, elect: Callable[[float], bool], every_seconds: float
) -> Periodic:
    """A thread that sweeps every few seconds where this worker is elected.

    An unexpected error is logged and doesn't end the process: the worker still takes jobs, and the
    next sweep may succeed.

    Args:
        processing: Does it.
        elect: Whether this worker is the one for the next so many seconds.
        every_seconds: Time between two sweeps.
    """

    def sweep() -> None:
        try:
            if elect(ELECTED_PERIODS * every_seconds):
                processing.sweep()
        except EngineUnavailable:
            raise
        except Exception:  # the boundary of this thread
            log.exception("The sweep failed unexpectedly and is tried again.")

    return Periodic("sweeper", sweep, every_seconds)
