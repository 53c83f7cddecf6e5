"""One look for all long work, on standard error: a bar on a terminal, else now and then a line."""

from __future__ import annotations

import time
from typing import Any

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


def progress() -> Progress:
    """A progress bar that stays out of the way of standard output."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    bar = Progress if console.is_terminal else Lines
    return bar(*columns, console=console)


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
