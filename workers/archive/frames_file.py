"""Frames as two files: ``.npy`` with the values, beside it ``.json`` with all the rest.

Both are named by the path of the values; :func:`description_of` gives the other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from echocast.model.atomic_files import disk_asked
from echocast.model.errors import InputError
from echocast.model.frames import Frames, content_sha256
from echocast.model.grid import FloatArray
from echocast.workers.errors import ArchiveError, shortage_of

FRAMES_FILE = "frames.npy"  # in a folder of their own
BLOCK_BYTES = 2**20
OTHER_HASH = "Its hash is not that of its name."
DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, InputError)


def description_of(values: Path) -> Path:
    """Where the description of stored frames lies."""
    return values.with_suffix(".json")


def write_stored(frames: Frames, values: Path) -> None:
    """Store frames in a pair of files.

    Raises:
        OSError: They can't be written.
    """
    with disk_asked(values):
        np.save(values, np.ascontiguousarray(frames.reflectivity_dbz))
    description_of(values).write_text(json.dumps(frames.description()))


def map_stored(values: Path) -> Frames:
    """The frames in a pair of files, whose values are read from the disk when they are used.

    Raises:
        ArchiveError: They hold none.
    """
    with _refusing_damage(values):
        array = np.load(values, mmap_mode="r", allow_pickle=False)
        return Frames.from_description(array, _described(values))


def read_stored(values: Path, sha256: str) -> Frames:
    """The frames in a pair of files, which have that hash; both are read once.

    Raises:
        ArchiveError: They hold none, or others.
        Shortage: They can't be read now.
    """
    with _refusing_damage(values), values.open("rb") as file:
        description, shape = _described_values(values, file)
        array = np.empty(shape, np.float32)
        if content_sha256(description, _filled(array, file)) != sha256:
            raise ValueError(OTHER_HASH)
        return Frames.from_description(array, description)


def stored_sha256(values: Path) -> str:
    """The hash of the frames in a pair of files, which are never whole in memory.

    Equal to :meth:`Frames.sha256` of :func:`read_stored`.

    Raises:
        ArchiveError: They hold no frames.
        Shortage: They can't be read now.
    """
    with _refusing_damage(values), values.open("rb") as file:
        description, _ = _described_values(values, file)
        return content_sha256(description, iter(partial(file.read, BLOCK_BYTES), b""))


def difference_from_hash(values: Path) -> str:
    """How stored frames differ from those of the hash in their name; empty: not at all."""
    try:
        return "" if stored_sha256(values) == values.stem else OTHER_HASH
    except ArchiveError as error:
        return str(error)


def _described(values: Path) -> Mapping[str, Any]:
    description: Mapping[str, Any] = json.loads(description_of(values).read_bytes())
    return description


def _described_values(values: Path, file: BinaryIO) -> tuple[dict[str, Any], tuple[int, ...]]:
    """The description that is hashed, and the shape of the values that ``file`` is before."""
    shape = _shape_of_float32(file)
    description = Frames.normalised(shape, _described(values))
    _check_length(file, 4 * math.prod(shape))
    return description, shape


def _filled(array: FloatArray, file: BinaryIO) -> Iterator[memoryview]:
    """The bytes of an array block by block, each read from a file just before."""
    content = array.reshape(-1).view(np.uint8).data
    for start in range(0, len(content), BLOCK_BYTES):
        block = content[start : start + BLOCK_BYTES]
        file.readinto(block)  # type: ignore[attr-defined]
        yield block


def _shape_of_float32(file: BinaryIO) -> tuple[int, ...]:
    """The shape in the header of an ``.npy`` file, which is read past."""
    np.lib.format.read_magic(file)
    shape, column_major, kind = np.lib.format.read_array_header_1_0(file)
    if column_major or kind != np.dtype("<f4"):
        raise ValueError(f"values are {kind}, not float32 in C order")
    return tuple(shape)


def _check_length(file: BinaryIO, expected: int) -> None:
    start = file.tell()
    if (length := file.seek(0, 2) - start) != expected:
        raise ValueError(f"{expected} bytes of values are promised, but {length} are there")
    file.seek(start)


@contextmanager
def _refusing_damage(values: Path) -> Iterator[None]:
    """Damage that the block meets is an ArchiveError, what the machine lacks a Shortage."""
    try:
        yield
    except DAMAGE as error:
        if shortage := shortage_of(error):
            raise shortage from error
        name = description_of(values).name
        raise ArchiveError(f"{values} and {name} hold no frames: {error}") from error
