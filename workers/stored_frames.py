"""Frames as two files: ``.npy`` with the values, ``.json`` with all the rest."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from model.errors import InputError
from model.frames import Frames, content_sha256
from workers.errors import ArchiveError

BLOCK_BYTES = 2**20
DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, InputError)


def read_stored(values: Path, description: Path) -> Frames:
    """The frames in a pair of files.

    Raises:
        ArchiveError: They hold none.
    """
    try:
        array = np.load(values, allow_pickle=False)
        return Frames.from_description(array, json.loads(description.read_bytes()))
    except DAMAGE as error:
        raise _no_frames(values, description, error) from error


def stored_sha256(values: Path, description: Path) -> str:
    """The hash of the frames in a pair of files, which are never whole in memory.

    Equal to :meth:`Frames.sha256` of :func:`read_stored`.

    Raises:
        ArchiveError: They hold no frames.
    """
    try:
        with values.open("rb") as file:
            shape = _shape_of_float32(file)
            nothing = np.broadcast_to(np.float32(0), shape)
            told = Frames.from_description(nothing, json.loads(description.read_bytes()))
            _check_length(file, told.reflectivity_dbz.nbytes)
            blocks = iter(partial(file.read, BLOCK_BYTES), b"")
            return content_sha256(told.description(), blocks)
    except DAMAGE as error:
        raise _no_frames(values, description, error) from error


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


def _no_frames(values: Path, description: Path, error: Exception) -> ArchiveError:
    return ArchiveError(f"{values} and {description.name} hold no frames: {error}.")
