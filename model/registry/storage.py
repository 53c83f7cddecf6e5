"""Folder: files that several processes, and hosts that share a disk, write one after the other."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from echocast.model.atomic_files import flush, move_into_place
from echocast.model.errors import RegistryConflict, RegistryError, RegistryFull

LOCK = ".lock"
STAGED = ".staged"
PAUSE_SECONDS = 0.02
ABANDONED_SECONDS = 86400.0  # no one takes a day to write a checkpoint
ABSENT = (FileNotFoundError, NotADirectoryError)
FULL = (errno.ENOSPC, errno.EDQUOT)


class Folder:
    """Files and folders below a root; each appears whole or not at all.

    Hosts share it as a network disk with locks (NFS 4); object stores are not served, because a
    version is several files that have to appear together.

    Args:
        root: Where they lie.
        patience_seconds: How long a writer waits for another one.
    """

    def __init__(self, root: Path, patience_seconds: float = 30.0) -> None:
        self.root = root
        self.patience_seconds = patience_seconds

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A context in which no other process writes; errors of the disk become sentences.

        Raises:
            RegistryConflict: Another one writes longer than the patience.
            RegistryFull: The disk is full.
            RegistryError: The folder can't be written.
        """
        with self._plain_errors(), self._lock_file() as handle:
            self._lock(handle)
            yield

    def write(self, path: str, content: bytes) -> None:
        """Write a file, over an earlier one if need be."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        new = place.with_name(f".{place.name}.{uuid.uuid4().hex[:8]}")
        try:
            new.write_bytes(content)
            move_into_place(new, place)
        finally:
            new.unlink(missing_ok=True)

    def stage(self, name: str) -> Path:
        """A new empty folder that no reader sees; folders that a kill left behind are removed."""
        place = self.root / STAGED / name / uuid.uuid4().hex[:12]
        with self._plain_errors():
            self._sweep()
            place.mkdir(parents=True)
        return place

    def _sweep(self) -> None:
        """Remove what was staged long ago and neither adopted nor removed."""
        since = time.time() - ABANDONED_SECONDS
        for staged in (self.root / STAGED).glob("*/*"):
            with suppress(FileNotFoundError):  # adopted in this moment
                if staged.stat().st_mtime < since:
                    shutil.rmtree(staged)

    def adopt(self, staged: Path, path: str) -> None:
        """Move a staged folder to its path, which must be free."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        for file in staged.iterdir():
            flush(file)
        flush(staged)
        staged.rename(place)
        flush(place.parent)

    def adopt_copy(self, directory: Path, path: str) -> None:
        """Copy another folder to a path, which must be free."""
        staged = self.stage(directory.parent.name)
        try:
            shutil.copytree(directory, staged, dirs_exist_ok=True)
            self.adopt(staged, path)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder, sorted; those that are being written left out."""
        try:
            with os.scandir(self.root / folder) as items:
                return sorted(item.name for item in items if not item.name.startswith("."))
        except ABSENT:
            return []

    def read(self, path: str) -> bytes | None:
        """The content of a file; None where there is none."""
        try:
            return (self.root / path).read_bytes()
        except ABSENT:
            return None

    @contextmanager
    def _lock_file(self) -> Iterator[int]:
        self.root.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.root / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            yield handle
        finally:
            os.close(handle)  # which unlocks it, as the end of the process does

    def _lock(self, handle: int) -> None:
        give_up = time.monotonic() + self.patience_seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= give_up:
                    raise RegistryConflict(
                        f"Another process has been writing to {self.root} for more than"
                        f" {self.patience_seconds:g} seconds; try again later."
                    ) from None
            time.sleep(PAUSE_SECONDS)

    @contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = f"{self.root} can't be written: {error.strerror or error}"
            if error.errno in FULL:
                raise RegistryFull(f"{reason}; nothing was changed.") from error
            raise RegistryError(f"{reason}.") from error
