"""Radar files inside of gzip, bzip2, zip or tar: unpacked beside, one level, under limits."""

from __future__ import annotations

import bz2
import errno
import gzip
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Protocol, TypeVar

from echocast.model.errors import InputTooLarge, UnreadableInput, short
from echocast.model.formats.file_names import safe_name

MOST_BYTES = 1 << 30  # of all files of one
MOST_MEMBERS = 1000
BLOCK = 1 << 20


class SupportsRead(Protocol):
    """What gives bytes."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes, empty at the end."""


COMPRESSED: dict[bytes, tuple[Callable[[Path], AbstractContextManager[SupportsRead]], str]] = {
    b"\x1f\x8b": (gzip.GzipFile, ".gz"),
    b"BZh": (bz2.BZ2File, ".bz2"),
}
ZIP = b"PK\x03\x04"
TAR, TAR_AT = b"ustar", 257

Member = TypeVar("Member")
DAMAGE = (
    *(EOFError, ValueError, zlib.error, tarfile.TarError, zipfile.BadZipFile),
    *(NotImplementedError, RuntimeError),  # methods of zip, and its passwords
)


OF_THE_FILE = (None, errno.EINVAL)  # a place before its begin


@contextmanager
def unpacked(path: Path, scratch: Path | None = None) -> Iterator[list[Path]]:
    """The files inside of a file, removed afterwards; the file itself where it is not packed.

    Args:
        path: The file.
        scratch: Folder for what is unpacked; None: that of the system.

    Raises:
        UnreadableInput: It is damaged.
        InputTooLarge: It holds too much.
    """
    with path.open("rb") as file:
        start = file.read(TAR_AT + len(TAR))
    if not _is_packed(start):
        yield [path]
        return
    with tempfile.TemporaryDirectory(prefix="echocast-", dir=scratch) as folder:
        try:
            files = _Unpacking(path, Path(folder), MOST_BYTES).files(start)
        except (*DAMAGE, OSError) as error:
            if isinstance(error, OSError) and error.errno not in OF_THE_FILE:
                raise  # the disk's, not the file's
            raise UnreadableInput(f"{path.name} is damaged: {short(error)}.") from error
        yield files


def _is_packed(start: bytes) -> bool:
    return start.startswith((*COMPRESSED, ZIP)) or _is_tar(start)


def _is_tar(start: bytes) -> bool:
    return start[TAR_AT:] == TAR


@dataclass
class _Unpacking:
    """One file, its folder, and how many bytes may still be unpacked."""

    path: Path
    folder: Path
    remaining: int

    def files(self, start: bytes) -> list[Path]:
        for signature, (opened, suffix) in COMPRESSED.items():
            if start.startswith(signature):
                with opened(self.path) as file:
                    one = self._copy(file, _without(self.path.name, suffix))
                return self._tar(one) if _holds_tar(one) else [one]
        return self._zip() if start.startswith(ZIP) else self._tar(self.path)

    def _zip(self) -> list[Path]:
        with zipfile.ZipFile(self.path) as archive:
            members = self._counted([m for m in archive.infolist() if not m.is_dir()])
            return [self._member(archive.open(member), member.filename) for member in members]

    def _tar(self, path: Path) -> list[Path]:
        with tarfile.open(path, "r:") as archive:
            regular = (member for member in archive if member.isreg())
            members = self._counted(list(islice(regular, MOST_MEMBERS + 1)))
            return [self._member(archive.extractfile(m), m.name) for m in members]

    def _counted(self, members: list[Member]) -> list[Member]:
        if not 0 < len(members) <= MOST_MEMBERS:
            raise InputTooLarge(f"{self.path.name} must hold 1 to {MOST_MEMBERS} files.")
        return members

    def _member(self, file: IO[bytes] | None, name: str) -> Path:
        assert file is not None  # of a regular file
        with file:
            return self._copy(file, name)

    def _copy(self, file: SupportsRead, name: str) -> Path:
        """A file of its own, in a folder of its own: two members may have one name."""
        folder = self.folder / f"{len(list(self.folder.iterdir())):04d}"
        folder.mkdir()
        target = folder / safe_name(name)
        with target.open("wb") as output:
            while block := file.read(BLOCK):
                self.remaining -= len(block)
                if self.remaining < 0:
                    raise InputTooLarge(
                        f"{self.path.name} holds more than {MOST_BYTES >> 20} MiB when unpacked."
                    )
                output.write(block)
        return target


def _holds_tar(path: Path) -> bool:
    with path.open("rb") as file:
        return _is_tar(file.read(TAR_AT + len(TAR)))


def _without(name: str, suffix: str) -> str:
    return name.removesuffix(suffix).removesuffix(suffix.upper())
