"""Ledger: what was fed already, across restarts; one process at a time feeds from one origin."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Set
from pathlib import Path

from echocast.service.client.errors import AlreadyWatched


class Ledger:
    """A file of lines, each the identity of what is done; locked while it is open.

    A line that a kill -9 tore is ignored: its file is fed again, which changes nothing.

    Args:
        folder: Where ledgers lie; it is named like the command that feeds.
        origin: The watched directory, or the name of a source.
        stream: Name of the stream.

    Raises:
        AlreadyWatched: Another process has the ledger open.
    """

    def __init__(self, folder: Path, origin: Path | str, stream: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        whole = origin.resolve() if isinstance(origin, Path) else origin
        key = hashlib.sha256(f"{whole}\n{stream}".encode()).hexdigest()[:16]
        self._file = (folder / f"{stream}-{key}.jsonl").open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise AlreadyWatched(
                f"Another `echocast {folder.name}` feeds {origin} into the stream {stream!r}"
                " already."
            ) from error
        self._file.seek(0)
        self._done = set(map(str.rstrip, self._file))

    def knows(self, path: Path) -> bool:
        """Whether the file, as it is now, is done."""
        return file_identity(path) in self._done

    @property
    def done(self) -> Set[str]:
        """The identities of all that is done."""
        return self._done

    def clear(self) -> None:
        """Forget all: what was fed is gone."""
        self._done.clear()
        self._file.truncate(0)

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
