"""Frames as two files: ``.npy`` with the values, beside it ``.json`` with all the rest.

Both are named by the path of the values; :func:`description_of` gives the other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from echocast.model.errors import InputError
from echocast.model.frames import Frames, content_sha256
from echocast.workers.errors import ArchiveError

FRAMES_FILE = "frames.npy"  # in a folder of their own
BLOCK_BYTES = 2**20
DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, InputError)


def description_of(values: Path) -> Path:
    """Where the description of stored frames lies."""
    return values.with_suffix(".json")


def write_stored(frames: Frames, values: Path) -> None:
    """Store frames in a pair of files."""
    np.save(values, np.ascontiguousarray(frames.reflectivity_dbz))
    description_of(values).write_text(json.dumps(frames.description()))


def read_stored(values: Path, *, mapped: bool = False) -> Frames:
    """The frames in a pair of files.

    Args:
        values: The first of them.
        mapped: Values are read from the disk when they are used, and take no memory.

    Raises:
        ArchiveError: They hold none.
    """
    try:
        array = np.load(values, mmap_mode="r" if mapped else None, allow_pickle=False)
        return Frames.from_description(array, _described(values))
    except DAMAGE as error:
        raise _no_frames(values, error) from error


def stored_sha256(values: Path) -> str:
    """The hash of the frames in a pair of files, which are never whole in memory.

    Equal to :meth:`Frames.sha256` of :func:`read_stored`.

    Raises:
        ArchiveError: They hold no frames.
    """
    try:
        with values.open("rb") as file:
            shape = _shape_of_float32(file)
            description = Frames.normalised(shape, _described(values))
            _check_length(file, 4 * math.prod(shape))
            blocks = iter(partial(file.read, BLOCK_BYTES), b"")
            return content_sha256(description, blocks)
    except DAMAGE as error:
        raise _no_frames(values, error) from error


def difference_from_hash(values: Path) -> str:
    """How stored frames differ from those of the hash in their name; empty: not at all."""
    try:
        return "" if stored_sha256(values) == values.stem else "Its hash is not that of its name."
    except ArchiveError as error:
        return str(error)


def _described(values: Path) -> Mapping[str, Any]:
    description: Mapping[str, Any] = json.loads(description_of(values).read_bytes())
    return description


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


def _no_frames(values: Path, error: Exception) -> ArchiveError:
    return ArchiveError(f"{values} and {description_of(values).name} hold no frames: {error}.")
