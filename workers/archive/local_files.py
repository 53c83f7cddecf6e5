"""Objects of the archive as files on a disk."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from echocast.model.atomic_files import (
    FileDigest,
    flush,
    move_into_place,
    scratch_file,
    write_whole,
)
from echocast.workers.archive.damage import FORECAST, Verdicts, difference_from_name
from echocast.workers.archive.disk_space import DiskSpace
from echocast.workers.archive.files import Entry
from echocast.workers.archive.remembered import Remembered
from echocast.workers.archive.scratch import Scratch
from echocast.workers.errors import DiskFull, NotInArchive

DEFAULT_FREE_SPACE_FLOOR = 512 * 1024 * 1024  # bytes
LEAST_FREE_BYTES = 2**20  # with any floor

REMEMBERED_FOLDERS = 256  # listings at most, a third of a kilobyte a file
REMEMBERED_SIZES = 20_000  # of folders at most
STABLE_NS = 2_000_000_000  # a folder that changed later than that is listed anew

Value = TypeVar("Value")
Known = Remembered[str, tuple[int, Value]]  # when a folder changed, and what was seen in it


class LocalFiles:
    """Objects as files on a local or shared disk.

    Args:
        root: The folder; made when first written to.
        free_space_floor_bytes: Free space below which nothing more is accepted.
    """

    def __init__(
        self, root: Path, *, free_space_floor_bytes: int = DEFAULT_FREE_SPACE_FLOOR
    ) -> None:
        self.root = root
        self._free_space_floor = free_space_floor_bytes
        self._verdicts = Verdicts()
        self._scratch: Scratch | None = None
        self._listed: Known[list[Entry]] = Remembered(REMEMBERED_FOLDERS)
        self._sizes: Known[int] = Remembered(REMEMBERED_SIZES)
        self._lock = threading.Lock()

    @property
    def scratch_root(self) -> Path:
        """Where processes have their folders for half-written files."""
        return self.root / "scratch"

    @property
    def scratch(self) -> Path:
        """This object's own folder for half-written files, on the same file system."""
        with self._lock:
            if self._scratch is None or not self._scratch.path.is_dir():
                self._scratch = Scratch(self.scratch_root, "archive")
            return self._scratch.path

    def free_bytes(self) -> int:
        """Free space on the disk: what there is, or what its free inodes have room for."""
        return DiskSpace.of(self.root).free

    def bytes_to_free(self) -> int:
        """Bytes to remove so that there are spare ones, and work goes on."""
        return max(0, -self.spare_bytes())

    def check_space(self) -> None:
        """See :class:`Files`."""
        space = DiskSpace.of(self.root)
        floor = max(self._free_space_floor, LEAST_FREE_BYTES)
        if space.free < floor:
            raise DiskFull(f"The archive's disk has {space} left, but {floor} must stay free.")
        if space.read_only:
            raise DiskFull("The archive's disk can only be read: it is mounted read-only.")

    def spare_bytes(self) -> int:
        """See :class:`Files`."""
        return self.free_bytes() - 2 * self._free_space_floor

    def disk_bytes(self) -> int:
        """See :class:`Files`."""
        return DiskSpace.of(self.root).size

    def put(self, path: str, content: bytes) -> None:
        """See :class:`Files`."""
        self.add(lambda local: write_whole(local, content), lambda _: path)

    def create(self, path: str, content: bytes) -> bool:
        """See :class:`Files`."""
        place = self.root / path
        if place.exists():
            return False
        place.parent.mkdir(parents=True, exist_ok=True)
        with scratch_file(self.scratch, place.suffix) as local:
            write_whole(local, content)
            flush(local)
            try:
                os.link(local, place)  # fails where another process was first
            except FileExistsError:
                return False
        flush(place.parent)
        return True

    def get(self, path: str) -> bytes:
        """See :class:`Files`."""
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            raise NotInArchive(f"The archive holds no {path!r}.") from None

    def version(self, path: str) -> str | None:
        """See :class:`Files`."""
        try:
            return _version((self.root / path).stat())
        except FileNotFoundError:
            return None

    def listing(self, folder: str) -> list[Entry]:
        """See :class:`Files`."""
        entries: list[Entry] = self._as_it_is(folder, self._listed, self._entries)
        return entries.copy()

    def folder_bytes(self, folder: str) -> int:
        """See :class:`Files`."""
        return self._as_it_is(folder, self._sizes, self._bytes_in)

    def _bytes_in(self, folder: str) -> int:
        return sum(entry.size for entry in self._entries(folder))

    def _as_it_is(self, folder: str, known: Known[Value], look: Callable[[str], Value]) -> Value:
        """What was seen in a folder, unless it changed since."""
        changed, now = self._changed(folder), time.time_ns()
        earlier = known.get(folder)
        if earlier is not None and earlier[0] == changed:
            return earlier[1]
        value = look(folder)
        if changed and now - changed > STABLE_NS:  # else another change may carry the same time
            known.put(folder, (changed, value))
        return value

    def _changed(self, folder: str) -> int | None:
        """When something came into a folder or left it, in ns; None where there is none."""
        try:
            return (self.root / folder).stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def _entries(self, folder: str) -> list[Entry]:
        try:
            with os.scandir(self.root / folder) as items:
                entries = [
                    Entry(f"{folder}/{item.name}", _version(status), status.st_size)
                    for item in items
                    if item.is_file() and (status := item.stat())
                ]
        except FileNotFoundError:
            return []
        return sorted(entries, key=lambda entry: entry.path)

    def folders(self, folder: str) -> list[str]:
        """See :class:`Files`."""
        try:
            with os.scandir(self.root / folder) as items:
                return sorted(item.name for item in items if item.is_dir())
        except FileNotFoundError:
            return []

    def delete(self, path: str) -> None:
        """See :class:`Files`."""
        (self.root / path).unlink(missing_ok=True)

    def remove_folder(self, folder: str) -> None:
        """See :class:`Files`."""
        with suppress(OSError):
            (self.root / folder).rmdir()

    def add(
        self, write: Callable[[Path], object], name: Callable[[FileDigest], str], suffix: str = ""
    ) -> str:
        """See :class:`Files`."""
        with scratch_file(self.scratch, suffix) as local:
            write(local)
            path = name(FileDigest.of(local))
            move_into_place(local, self.root / path)
        return path

    def local(self, path: str) -> Path:
        """See :class:`Files`."""
        place = self.root / path
        if not place.resolve().is_relative_to(self.root.resolve()) or not place.is_file():
            raise NotInArchive(f"The archive holds no {path!r}.")
        return self._verdicts.check(place, FORECAST, difference_from_name)


def _version(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns}-{status.st_ino}-{status.st_size}"
