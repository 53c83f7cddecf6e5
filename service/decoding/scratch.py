"""Scratch directories: where uploads and renderings lie while a request lasts."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK = ".lock"


class Scratch:
    """A directory of this process below ``root``, removed at the end.

    What a killed process left behind is removed by the next one: its lock is free.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        _remove_stale(root)
        self.path = Path(tempfile.mkdtemp(prefix="gateway-", dir=root)).resolve()
        self._lock = os.open(self.path / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    @contextmanager
    def directory(self) -> Iterator[Path]:
        """A fresh directory that is gone when the context ends."""
        path = self.fresh()
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def fresh(self) -> Path:
        """A fresh directory that the caller removes."""
        return Path(tempfile.mkdtemp(dir=self.path))

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _remove_stale(root: Path) -> None:
    for path in root.glob("gateway-*"):
        with suppress(OSError):
            lock = os.open(path / LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)
