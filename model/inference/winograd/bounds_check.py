"""No address that the compiled kernels read or write lies outside an array: checked beforehand.

Kernels do not check the addresses that they are given. So the rows of a level's
tables are checked once, when they are made, against the room that each base has for a tile; and the
arrays behind the bases are checked at every step against that room.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from echocast.model.inference.winograd.microkernel import BYTES
from echocast.model.inference.winograd.trace import Untraceable


class OutOfBounds(Untraceable):
    """A kernel would have read or written beyond an array; it was not run."""


def check_operations(operations: NDArray[np.int64], rooms: Sequence[int]) -> None:
    """Rows of ``operations``, as of :func:`.kernels.compute`.

    Args:
        operations: (operations, 11).
        rooms: Per base the bytes of a tile.

    Raises:
        OutOfBounds: A row reaches beyond the room of its base.
    """
    for _, length, *places in operations.tolist():
        if length % BYTES:
            raise OutOfBounds(f"An operation on {length} bytes is not one on whole vectors.")
        for base, stride, offset in zip(*(iter(places),) * 3, strict=True):
            _check_place(base, stride, offset, length, rooms)


def check_units(units: NDArray[np.int64], pixels: int, rooms: Sequence[int]) -> None:
    """Rows of ``units``, as of :func:`.kernels.compute`; others as above.

    Raises:
        OutOfBounds: A row reaches beyond the room of its base.
    """
    for base, stride, offset, pixel, _ in units.tolist():
        if base >= 0:
            _check_place(base, stride, offset, (pixels - 1) * pixel + BYTES, rooms)


def _check_place(base: int, stride: int, offset: int, length: int, rooms: Sequence[int]) -> None:
    inside = 0 <= base < len(rooms) and offset >= 0 and offset + length <= rooms[base]
    if not inside or stride not in (0, rooms[base]):
        raise OutOfBounds(
            f"A table row wants {length} bytes at {offset} of base {base}, in steps of {stride},"
            f" of a room of {rooms[base] if 0 <= base < len(rooms) else 0}."
        )


def addresses(arrays: Iterable[tuple[Tensor, int]]) -> list[int]:
    """Where arrays lie, once it is known that they are what the kernels take them for.

    Args:
        arrays: Each with the bytes that it must have.

    Raises:
        OutOfBounds: An array is not contiguous float32 of that size.
    """
    pointers = []
    for array, size in arrays:
        fits = array.dtype == torch.float32 and array.is_contiguous() and array.device.type == "cpu"
        if not fits or 4 * array.numel() != size:
            raise OutOfBounds(
                f"A kernel needs {size} bytes of contiguous float32, not {array.dtype} of the shape"
                f" {tuple(array.shape)}."
            )
        pointers.append(array.data_ptr())
    return pointers
