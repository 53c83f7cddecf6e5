"""Damage: files of the archive that are not what they were when they entered it.

A forecast's file has its size and SHA-256 in its name, and with its path in the job's result or in
the description of the issued forecast. What is damaged counts as not there any more; it is counted
in the metrics, and named in the log once.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prometheus_client import Counter

from echocast.model.atomic_files import FileDigest
from echocast.workers.archive.remembered import Remembered
from echocast.workers.errors import ArchiveDamaged, NotInArchive

FORECAST, INPUT, FRAME, COUNTS = "forecast", "input", "frame", "counts"
DESCRIPTION, SCORES = "description", "scores"
KINDS: Final = (FORECAST, DESCRIPTION, INPUT, FRAME, COUNTS, SCORES)
RECORDED = re.compile(r"_(\d+)-([0-9a-f]{64})\.\w+$")
REMEMBERED = 20_000  # verdicts about files, some hundred bytes each

log = logging.getLogger("echocast.archive")


class Damage:
    """Counts damaged files of this process by kind; each file is counted and logged once.

    ``counter`` is for the registry of the process.
    """

    def __init__(self) -> None:
        self.counter = Counter(
            "echocast_archive_damaged",
            "Files of the archive that were damaged when they were read, each counted once.",
            ["kind"],
            registry=None,
        )
        for kind in KINDS:
            self.counter.labels(kind)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def report(self, kind: str, path: str, why: str, version: str = "") -> None:
        """Count a damaged file and log it, unless that was done; another version is another one."""
        with self._lock:
            if (path, version) in self._known:
                return
            self._known[path, version] = None
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        self.counter.labels(kind).inc()
        log.error("The archive is damaged (%s): %s: %s", kind, path, why)


DAMAGE = Damage()  # of this process, as a logger is


def with_digest(stem: str, digest: FileDigest, suffix: str) -> str:
    """A file name that says what the file holds."""
    return f"{stem}_{digest.size}-{digest.sha256}{suffix}"


def recorded_digest(path: str) -> FileDigest | None:
    """The digest in a file's name; None in names of earlier versions."""
    match = RECORDED.search(path)
    return FileDigest(int(match[1]), match[2]) if match else None


class Verdicts:
    """What is wrong with files, each examined once; safe to share among threads.

    As long as a file has the same time, size and inode, the verdict holds.
    """

    def __init__(self) -> None:
        self._verdicts: Remembered[tuple[str, int, int, int], str] = Remembered(REMEMBERED)

    def of(self, path: Path, examine: Callable[[Path], str]) -> str:
        """What ``examine`` says is wrong with a file; empty: nothing.

        Raises:
            FileNotFoundError: It is not there.
        """
        status = path.stat()
        key = (str(path), status.st_mtime_ns, status.st_size, status.st_ino)
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = examine(path)
            self._verdicts.put(key, verdict)
        return verdict

    def check(self, path: Path, kind: str, examine: Callable[[Path], str]) -> Path:
        """The path, where the file is there and undamaged.

        Raises:
            NotInArchive: It is not there.
            ArchiveDamaged: It is damaged.
        """
        try:
            why, version = self.of(path, examine), str(path.stat().st_mtime_ns)
        except FileNotFoundError:
            raise NotInArchive(f"The archive holds no {path.name!r}.") from None
        if why:
            DAMAGE.report(kind, str(path), why, version)
            raise ArchiveDamaged(
                f"The stored {kind} is damaged: {why} Send the same frames again to have it made"
                " anew."
            )
        return path


def difference_from_name(path: Path) -> str:
    """How a file differs from the digest in its name; empty: not at all, or it has none."""
    recorded = recorded_digest(path.name)
    if recorded is None:
        return ""
    if (size := path.stat().st_size) != recorded.size:
        return f"It has {size} bytes, but {recorded.size} were written."
    if FileDigest.of(path) != recorded:
        return "Its SHA-256 is not that of what was written."
    return ""
