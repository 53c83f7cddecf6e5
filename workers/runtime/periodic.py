"""Periodic: a thread that does something every few seconds, and ends the process if it can't."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

from echocast.workers.errors import EngineUnavailable

BROKEN_EXIT_CODE = 71
log = logging.getLogger("echocast.periodic")


class Periodic:
    """A thread that goes on while the engine is away, and ends the process where it can't go on.

    A worker without its heartbeat or janitor would look alive and lose jobs; so any other error
    ends the process, and its supervisor starts it again.

    Args:
        name: Of the thread, for the log.
        act: What to do.
        every_seconds: Seconds between two runs.
        end_process: How to end it, with an exit code.
    """

    def __init__(
        self,
        name: str,
        act: Callable[[], object],
        every_seconds: float,
        end_process: Callable[[int], object] = os._exit,
    ) -> None:
        self._name = name
        self._act = act
        self._every = every_seconds
        self._end_process = end_process
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

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
                self._act()
            except EngineUnavailable as error:
                log.error("The %s failed and is tried again: %s", self._name, error)
            except Exception:
                log.critical("The %s is broken; the worker ends.", self._name, exc_info=True)
                self._end_process(BROKEN_EXIT_CODE)


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
