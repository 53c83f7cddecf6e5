"""Files that are whole or not there at all, also after a kill -9 or a power cut."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


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
