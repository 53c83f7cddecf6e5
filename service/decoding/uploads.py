"""What one request brought: files on disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

BODY = "the body"  # what is called so where it has no name
NAMELESS = "upload-without-name"  # its file


@dataclass(eq=False)
class UploadedFile:
    """One file of an upload: where it lies, and what the caller calls it."""

    path: Path
    name: str

    def __post_init__(self) -> None:
        self.handle: BinaryIO = self.path.open("wb")

    def write(self, data: bytes) -> None:
        """Append bytes that arrived."""
        self.handle.write(data)

    def close(self) -> None:
        """No more bytes arrive."""
        self.handle.close()


@dataclass(eq=False)
class Upload:
    """What one request brought.

    Args:
        kind: ``json`` (one JSON body) or ``grid`` (NetCDF or HDF5 files).
        directory: Where the files lie; the caller removes it.
        files: The files in the order they came.
    """

    kind: str
    directory: Path
    files: list[UploadedFile] = field(default_factory=list)

    def open(self, name: str) -> UploadedFile:
        """A new file, ready to be written, in a folder of its own.

        Args:
            name: Of the caller, made safe: the time of a format that holds none stands in it.
        """
        path = self.directory / f"{len(self.files):04d}" / (name if name != BODY else NAMELESS)
        path.parent.mkdir()
        self.files.append(UploadedFile(path, name))
        return self.files[-1]

    def close(self) -> None:
        """Close all files."""
        for file in self.files:
            file.close()

    def sha256(self, *options: object) -> str:
        """Hash of everything the caller sent: contents and options, not file names.

        It reads all files, and is needed only where the same idempotency key may come again.
        """
        parts = [self.kind, *(_file_sha256(file.path) for file in self.files), repr(options)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def readable(self, message: str) -> str:
        """A message in which the caller's file names stand instead of ours."""
        for file in self.files:
            message = message.replace(str(file.path), file.name).replace(file.path.name, file.name)
        return f"T{message[1:]}" if message.startswith(BODY) else message


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
