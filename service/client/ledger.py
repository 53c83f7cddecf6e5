"""Ledger: which files of a directory were fed already, across restarts; one watcher at a time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from pathlib import Path

from echocast.service.client.errors import AlreadyWatched


class Ledger:
    """A file of lines, each the identity of a file that is done; locked while it is open.

    A line that a kill -9 tore is ignored: its file is fed again, which changes nothing.

    Args:
        folder: Where ledgers lie.
        directory: The watched directory.
        stream: Name of the stream.

    Raises:
        AlreadyWatched: Another process has the ledger open.
    """

    def __init__(self, folder: Path, directory: Path, stream: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        key = hashlib.sha256(f"{directory.resolve()}\n{stream}".encode()).hexdigest()[:16]
        self._file = (folder / f"{stream}-{key}.jsonl").open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise AlreadyWatched(
                f"Another `echocast watch` feeds {directory} into the stream {stream!r} already."
            ) from error
        self._file.seek(0)
        self._done = set(map(str.rstrip, self._file))

    def knows(self, path: Path) -> bool:
        """Whether the file, as it is now, is done."""
        return file_identity(path) in self._done

    def note(self, identity: str) -> None:
        """A file, as it was when it was read, is done."""
        self._done.add(identity)
        self._file.seek(0, os.SEEK_END)
        self._file.write(f"{identity}\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let another watcher in."""
        self._file.close()


def file_identity(path: Path) -> str:
    """Name, size and time of change of a file: another content makes another file."""
    status = path.stat()
    return json.dumps([path.name, status.st_size, status.st_mtime_ns])
