"""Copies of a stream's files as they appear: what retention removes later is to be counted, too."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

KINDS = ("frames", "forecasts", "counts")
NEWEST_DAYS = 2


class Mirror:
    """The files of streams, as an archive of its own.

    Args:
        store: The archive.
        root: The copy.
    """

    def __init__(self, store: Path, root: Path) -> None:
        self.store, self.root = store, root
        self._known: set[str] = set()

    def update(self, stream: str) -> None:
        """Copy what is new in the newest days of a stream."""
        for kind in KINDS:
            for folder in sorted((self.store / kind / stream).glob("*/*/*"))[-NEWEST_DAYS:]:
                for path in folder.iterdir():
                    self._copy(path)

    def _copy(self, path: Path) -> None:
        """Once: a description that names no file any more must not replace the one that did."""
        name = str(path.relative_to(self.store))
        if name in self._known:
            return
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            shutil.copyfile(path, target)
            self._known.add(name)
