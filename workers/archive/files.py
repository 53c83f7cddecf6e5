"""Files of the archive as whole objects: written as a whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from echocast.model.atomic_files import FileDigest


@dataclass(frozen=True)
class Entry:
    """One file of a listing.

    Args:
        path: Below the root, with ``/``.
        version: Changes when the content does.
        size: In bytes.
    """

    path: str
    version: str
    size: int = 0

    @property
    def place(self) -> tuple[str, str]:
        """Path and version: they distinguish contents."""
        return self.path, self.version

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


class Files(Protocol):
    """Whole objects below a root; safe to share among threads and processes."""

    def check_space(self) -> None:
        """Check that there is room for more.

        Raises:
            DiskFull: Less space is free than must stay free.
        """

    def spare_bytes(self) -> int | None:
        """Bytes that may be written until old files must go; negative: so many must go now.

        None where nothing limits what is stored.
        """

    def disk_bytes(self) -> int | None:
        """Size of the disk; None where nothing limits what is stored."""

    def put(self, path: str, content: bytes) -> None:
        """Write an object, over an earlier one if need be."""

    def create(self, path: str, content: bytes) -> bool:
        """Write an object that is not there yet; False where it is, and stays as it is."""

    def get(self, path: str) -> bytes:
        """The content of an object.

        Raises:
            NotInArchive: There is none.
        """

    def version(self, path: str) -> str | None:
        """Version of one object, None where there is none."""

    def listing(self, folder: str) -> list[Entry]:
        """All objects directly in a folder, by name."""

    def folder_bytes(self, folder: str) -> int:
        """What the objects directly in a folder take together."""

    def folders(self, folder: str) -> list[str]:
        """Names of the folders directly in a folder, sorted."""

    def delete(self, path: str) -> None:
        """Remove an object; nothing happens where there is none."""

    def remove_folder(self, folder: str) -> None:
        """Remove a folder that has become empty; nothing happens where it has not."""

    def add(
        self, write: Callable[[Path], object], name: Callable[[FileDigest], str], suffix: str = ""
    ) -> str:
        """Let ``write`` make a local file, and store it under a path that follows from its digest.

        Args:
            write: Makes the file at a path.
            name: Path of the object, which is returned.
            suffix: Of the file while it is made.
        """

    def local(self, path: str) -> Path:
        """A local file with the content of an object, which is what it was when it was stored.

        Raises:
            NotInArchive: There is none.
            ArchiveDamaged: It is damaged.
        """
