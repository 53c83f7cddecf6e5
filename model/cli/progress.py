"""One look for all long work, on standard error: a bar on a terminal, else now and then a line."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

LINE_EVERY_SECONDS = 30.0
SILENT_SECONDS = 2.0
Item = TypeVar("Item")


def progress(*, quiet: bool = False) -> Progress:
    """A progress bar that stays out of the way of standard output.

    Args:
        quiet: Show nothing.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    bar = Progress if quiet or console.is_terminal else Lines
    return bar(*columns, console=console, disable=quiet)


class Lines(Progress):
    """Progress for logs: a line at most every half minute."""

    _printed = 0.0

    def update(self, task_id: TaskID, **kwargs: Any) -> None:
        """Take note of progress, and say so if it is time."""
        super().update(task_id, **kwargs)
        self._print(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Take note of progress, and say so if it is time."""
        super().advance(task_id, advance)
        self._print(task_id)

    def _print(self, task_id: TaskID) -> None:
        now = time.monotonic()
        if now - self._printed < LINE_EVERY_SECONDS:
            return
        self._printed = now
        task = self._tasks[task_id]
        total = "?" if task.total is None else f"{task.total:g}"
        left = "" if task.time_remaining is None else f", {task.time_remaining:.0f} s left"
        self.console.print(f"{task.description}: {task.completed:g} of {total}{left}")


class LateProgress:
    """Progress that is shown only once the work has taken some time.

    Args:
        what: What is done, in words.
        total: Steps of the work; None: unknown.
        quiet: Show nothing.
    """

    def __init__(self, what: str, total: int | None = None, *, quiet: bool = False) -> None:
        self._what, self._total, self._done = what, total, 0
        self._quiet = quiet
        self._shown_from = time.monotonic() + SILENT_SECONDS
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def advance(self) -> None:
        """One step is done."""
        self._done += 1
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done)
        elif time.monotonic() >= self._shown_from:
            self._show()

    def _show(self) -> None:
        self._bar = progress(quiet=self._quiet)
        self._bar.start()
        self._task = self._bar.add_task(self._what, total=self._total)
        self._bar.update(self._task, completed=self._done)

    def stop(self) -> None:
        """The work has ended."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def late_progress(
    what: str, total: int | None = None, *, quiet: bool = False
) -> Iterator[LateProgress]:
    """A :class:`LateProgress` that stops with the block."""
    shown = LateProgress(what, total, quiet=quiet)
    try:
        yield shown
    finally:
        shown.stop()


def watched(items: Sequence[Item], what: str) -> Iterator[Item]:
    """Items one by one, with progress where that takes long."""
    with late_progress(what, len(items)) as shown:
        for item in items:
            yield item
            shown.advance()
