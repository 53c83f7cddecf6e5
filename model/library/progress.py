"""Progress of what takes over two seconds, and silence about all else."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import Progress, TaskID

from echocast.model.cli.progress import progress

SILENT_SECONDS = 2.0
Item = TypeVar("Item")


class LateProgress:
    """Progress that is shown only once the work has taken some time.

    Args:
        what: What is done, in words.
        total: Steps of the work; None: unknown.
    """

    def __init__(self, what: str, total: int | None = None) -> None:
        self._what, self._total, self._done = what, total, 0
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
        self._bar = progress()
        self._bar.start()
        self._task = self._bar.add_task(self._what, total=self._total)
        self._bar.update(self._task, completed=self._done)

    def stop(self) -> None:
        """The work has ended."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def late_progress(what: str, total: int | None = None) -> Iterator[LateProgress]:
    """A :class:`LateProgress` that stops with the block."""
    shown = LateProgress(what, total)
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
