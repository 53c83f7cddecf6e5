"""Retention of nowcasts that belong to no stream: the newest stay, as many as there is room for.

The oldest inputs, forecasts and scores go first: where all of them together exceed a limit, and
where the disk is nearly as full as it may become before new work is refused. A caller who
asks for a forecast that is gone gets an answer that says so, and may have it made again.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from echocast.workers.archive.archive import Archive
from echocast.workers.archive.disk_shares import adhoc_limit_bytes
from echocast.workers.archive.frames_file import description_of

FOLDERS = ("inputs", "forecasts/adhoc", "verification/adhoc")
YOUNG_SECONDS = 3600.0  # what is this young may belong to a job that is not done
log = logging.getLogger("echocast.archive")


class StoredFile(NamedTuple):
    """A file; the older, the smaller."""

    modified: float
    path: str
    size: int


def remove_oldest(archive: Archive, limit_bytes: int | None) -> int:
    """Remove the oldest files until the rest is no more than allowed; how many went.

    Args:
        archive: Whose files.
        limit_bytes: What all of them may take; None: a share of the disk.
    """
    entries = sorted(_entries(archive.root))
    limit = adhoc_limit_bytes(archive.files, limit_bytes)
    excess = max(sum(entry.size for entry in entries) - limit, archive.files.bytes_to_free())
    young, removed = time.time() - YOUNG_SECONDS, 0
    for entry in entries:
        if excess <= 0 or entry.modified > young:
            break
        _remove(Path(entry.path), young)
        excess, removed = excess - entry.size, removed + 1
    if removed:
        log.info("Removed the %d oldest files of nowcasts that belong to no stream.", removed)
    return removed


def _remove(path: Path, young: float) -> None:
    """Remove a file not used again meanwhile; before values, what says that they are there."""
    with suppress(FileNotFoundError):
        if path.stat().st_mtime > young:
            return
        if path.suffix == ".npy":
            description_of(path).unlink(missing_ok=True)
        path.unlink()


def _entries(root: Path) -> Iterator[StoredFile]:
    for folder in FOLDERS:
        for where, _, names in os.walk(root / folder):
            for name in names:
                path = os.path.join(where, name)  # noqa: PTH118  # there may be very many
                try:
                    status = os.stat(path)  # noqa: PTH116
                except FileNotFoundError:
                    continue
                yield StoredFile(status.st_mtime, path, status.st_size)
