"""Scratch: folders for half-written files, uploads and renderings, each with a living owner.

A folder belongs to one process, which holds a lock on a file in it. What a killed process left
behind is removed by the next one of the same host: its lock is free.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK = ".lock"
OTHER_HOST_SECONDS = 7 * 86400.0  # a lock of another host may look free: only what is this old goes
LOOSE_SECONDS = 86400.0  # files of earlier versions have no owner that can be asked


class Scratch:
    """A folder of this process below ``root``, removed at the end.

    Args:
        root: Where such folders lie; abandoned ones are removed.
        role: What the process is, for the folder's name.
    """

    def __init__(self, root: Path, role: str) -> None:
        root.mkdir(parents=True, exist_ok=True)
        remove_abandoned(root)
        self.path, lock = _locked_folder(root, f"{role}-{_host()}-{os.getpid()}-")
        self.close = weakref.finalize(self, _remove, self.path, lock, os.getpid())

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


def remove_abandoned(root: Path) -> None:
    """Remove what processes left behind that do not live any more; never what another host uses."""
    for path in root.iterdir() if root.is_dir() else ():
        with suppress(OSError):
            age = time.time() - path.stat().st_mtime
            if not (path / LOCK).is_file():
                _remove_loose(path, age)
            elif f"-{_host()}-" in path.name or age > OTHER_HOST_SECONDS:
                _remove_unlocked(path)


def _locked_folder(root: Path, prefix: str) -> tuple[Path, int]:
    """A new folder and its lock; another one where it was removed before it was locked."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=prefix, dir=root)).resolve()
        lock = os.open(path / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            return path, lock
        os.close(lock)


def _remove_loose(path: Path, age_seconds: float) -> None:
    if age_seconds > LOOSE_SECONDS:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _remove_unlocked(path: Path) -> None:
    lock = os.open(path / LOCK, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(lock)


def _remove(path: Path, lock: int, owner: int) -> None:
    if os.getpid() == owner:  # a fork must not remove its parent's
        shutil.rmtree(path, ignore_errors=True)
    os.close(lock)


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", socket.gethostname())
