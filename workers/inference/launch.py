"""Launch a batch so that one bad item fails alone and too large a batch is made smaller."""

from __future__ import annotations

import faulthandler
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from echocast.model.errors import is_out_of_memory
from echocast.workers.errors import OutOfMemory

Item = TypeVar("Item")
Result = TypeVar("Result")
BRIEF_SHARE = 0.01  # of the time to a hang: a younger watch is not started again


def bisect_on_failure(
    launch: Callable[[Sequence[Item]], Sequence[Result]],
    items: Sequence[Item],
    on_split: Callable[[Exception], None],
) -> list[Result | Exception]:
    """The result of every item, or what it failed with when it was alone.

    A launch that fails is halved and tried again, whether memory ran out or an item is bad.

    Args:
        launch: Gives one result per item, or fails as a whole.
        items: At least one.
        on_split: Is called with the error before the halves are tried.
    """
    try:
        results = launch(items)
        return list(results)
    except Exception as error:
        failure = error.with_traceback(None)  # the traceback would keep the batch's memory alive
    if len(items) == 1:
        return [_named(failure)]
    on_split(failure)
    middle = len(items) // 2
    halves = items[:middle], items[middle:]
    return [result for half in halves for result in bisect_on_failure(launch, half, on_split)]


def _named(error: Exception) -> Exception:
    if not is_out_of_memory(error):
        return error
    return OutOfMemory(f"The job does not fit into the memory of the device: {error}.")


@contextmanager
def hang_guard(seconds: float) -> Iterator[Callable[[], None]]:
    """End the process with all tracebacks when that long nothing moves in the context.

    The value of the context is to be called whenever something moved: a launch that is slow goes
    on, one that hangs ends.

    A thread can't be killed, and a hung launch may even hold the interpreter's lock; so a thread
    of the C library watches. The leases of the process lapse and another worker takes its jobs.
    """

    begun = -math.inf

    def moved() -> None:
        nonlocal begun
        if time.monotonic() > begun + BRIEF_SHARE * seconds:  # a new watch is a new thread
            faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__ or sys.stderr)
            begun = time.monotonic()

    moved()
    try:
        yield moved
    finally:
        faulthandler.cancel_dump_traceback_later()
