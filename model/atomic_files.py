"""Files that are whole or not there at all, also after a kill -9, a power cut or a full disk.

A full disk, a quota or a network file system may say so only when a file is flushed or closed: each
of these calls is our own here, and its error is raised. What was written is read back before the
file gets its name.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

BLOCK_BYTES = 2**16
ASKED_BYTES = 2**20  # HDF5 writes as much as there is room for before it fails


@dataclass(frozen=True)
class FileDigest:
    """What a whole file is known by: its size in bytes and its SHA-256."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """The digest of a file, read from the beginning to the end."""
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(file.tell(), sha256)


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file and read it back; who moves it into place brings it to the disk, once.

    Raises:
        OSError: It can't be written or closed, or does not hold what was written.
    """
    with path.open("wb", buffering=0) as file:
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]
    _check_read_back(path, memoryview(content))


def _check_read_back(path: Path, content: memoryview) -> None:
    """Compare a file with what it must hold, block by block.

    Raises:
        OSError: It holds something else.
    """
    with path.open("rb", buffering=0) as file:
        same = all(file.read(len(block)) == block for block in _blocks(content))
        length = file.seek(0, os.SEEK_END)
    if not same or length != len(content):
        wrong = "differ" if length == len(content) else f"are {length} when read back"
        raise OSError(errno.EIO, f"The {len(content)} bytes that were written {wrong}", str(path))


def _blocks(content: memoryview) -> Iterator[bytes]:
    """Copies, as a view is compared byte by byte, which takes a hundred times as long."""
    for start in range(0, len(content), BLOCK_BYTES):
        yield bytes(content[start : start + BLOCK_BYTES])


@contextmanager
def disk_asked(path: Path) -> Iterator[None]:
    """A library writes a file in the context; where it fails, the disk says whether it is full.

    HDF5 and NumPy report a full disk without the system's error number. So the disk is asked for
    room for a little more of the file. The file is emptied then: HDF5 may leave it open, and with
    it the space that it takes.

    Raises:
        OSError: Of the disk, with its number, e.g. ENOSPC.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        if (getattr(error, "errno", None) or 0) <= 0:  # NetCDF has negative numbers of its own
            _ask_for_room(path, error)
        raise


def _ask_for_room(path: Path, error: Exception) -> None:
    try:
        with path.open("ab", buffering=0) as file:
            rest = memoryview(os.urandom(ASKED_BYTES))
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
    except OSError as of_disk:
        raise of_disk from error
    finally:
        os.truncate(path, 0)


def flush(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def move_into_place(path: Path, place: Path) -> None:
    """Flush a finished file and rename it into place, on the same file system."""
    move_all_into_place({path: place})


def move_all_into_place(places: Mapping[Path, Path]) -> None:
    """The same for finished files that go into one folder, whose names are flushed once.

    Until this returns any of them may be there without the others.

    Args:
        places: Where each file goes, in the order in which they appear.
    """
    (folder,) = {place.parent for place in places.values()}
    folder.mkdir(parents=True, exist_ok=True)
    for path in places:
        flush(path)
    for path, place in places.items():
        path.replace(place)
    flush(folder)


@contextmanager
def scratch_file(folder: Path, suffix: str = "") -> Iterator[Path]:
    """A context with an empty file, which is gone afterwards if it still lies there."""
    handle, name = tempfile.mkstemp(suffix=suffix, dir=folder)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
