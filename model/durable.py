"""Files that are whole or not there at all, also after a kill -9 or a power cut."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def flush(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def settle(path: Path, place: Path) -> None:
    """Flush a finished file and rename it into place, on the same file system."""
    place.parent.mkdir(parents=True, exist_ok=True)
    flush(path)
    path.replace(place)
    flush(place.parent)


@contextmanager
def scratch_file(folder: Path, suffix: str = "") -> Iterator[Path]:
    """A context with an empty file, which is gone afterwards if it still lies there."""
    handle, name = tempfile.mkstemp(suffix=suffix, dir=folder)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
