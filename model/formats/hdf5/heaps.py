"""Global heaps of HDF5 files, checked before the library reads them: one kind it reads for ever.

A heap is a collection of objects, each with its size; object 0 is what is free. The library goes on
by that size, and where it is zero, or so large that it overflows, it never comes to the end.
Source: HDF5 file format 3.0, section III.E. Seen in HDF5 2.0 and 2.2.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from echocast.model.errors import InputTooLarge, UnreadableInput

COLLECTION = b"GCOL\x01\0\0\0"
MOST_OBJECTS = 500_000  # in all heaps: references, texts and ragged rows
OBJECT_HEAD = 8  # bytes before the size


def check_heaps(path: Path) -> None:
    """Check that every global heap of a file has an end.

    Args:
        path: An HDF5 file, whose first byte is that of its superblock.

    Raises:
        UnreadableInput: One has none.
        InputTooLarge: There are too many objects to look at.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        width = _length_bytes(content)
        start, objects = content.find(COLLECTION), 0
        while start >= 0:
            objects += _count_objects(content, start, width, path)
            if objects > MOST_OBJECTS:
                raise InputTooLarge(
                    f"{path.name} has more than {MOST_OBJECTS} references, texts and ragged rows."
                )
            start = content.find(COLLECTION, start + 1)


def _length_bytes(content: mmap.mmap) -> int:
    """How many bytes a length takes in this file, by its superblock; 0 where that is cut off."""
    superblock = content[:15].ljust(15, b"\0")
    return superblock[14 if superblock[8] < 2 else 10]


def _count_objects(content: mmap.mmap, start: int, width: int, path: Path) -> int:
    """How many objects a collection has."""
    place = start + len(COLLECTION)
    end = min(len(content), start + int.from_bytes(content[place : place + width], "little"))
    place = start + _aligned(len(COLLECTION) + width)
    head = _aligned(OBJECT_HEAD + width)
    count = 0
    while place + head <= end and count <= MOST_OBJECTS:
        size = int.from_bytes(content[place + OBJECT_HEAD : place + OBJECT_HEAD + width], "little")
        is_free = content[place : place + 2] == b"\0\0"
        step = size if is_free else head + _aligned(size)
        if not 0 < step <= end - place:
            raise UnreadableInput(f"{path.name} is damaged: a heap of it has no end.")
        place += step
        count += 1
    return count


def _aligned(length: int) -> int:
    return (length + 7) // 8 * 8
