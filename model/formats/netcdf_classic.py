"""Writing small NetCDF files in the classic format: one header, then the values, in one go.

The NetCDF library spends most of its time on bookkeeping where a file is small, and admits one
thread at a time; this does neither. Its own names are kept, so that a layout is written down once.

Source: the NetCDF classic format specification, "64-bit offset" variant (CDF-2).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

DIMENSIONS, VARIABLES, ATTRIBUTES = 10, 11, 12
TEXT: Final = 2
KINDS: Final = {"i1": 1, "i2": 3, "i4": 4, "f4": 5, "f8": 6}


class ClassicVariable:
    """A variable whose values are kept until the file is written; 0 where nothing is assigned.

    Args:
        kind: ``i1``, ``i2``, ``i4``, ``f4`` or ``f8``.
        shape: Sizes of its dimensions.
        dimensions: Their numbers.
    """

    def __init__(self, kind: str, shape: tuple[int, ...], dimensions: tuple[int, ...]) -> None:
        self.values: NDArray[Any] = np.zeros(shape, f">{kind}")
        self.kind, self.dimensions = KINDS[kind], dimensions
        self.attributes: dict[str, Any] = {}

    def setncatts(self, attributes: Mapping[str, Any]) -> None:
        """Add attributes."""
        self.attributes.update(attributes)

    def set_auto_maskandscale(self, wanted: bool) -> None:
        """Counts are written as they are, always."""

    def __setitem__(self, where: Any, values: Any) -> None:
        self.values[where] = values


class ClassicFile:
    """A file in the making."""

    def __init__(self) -> None:
        self.variables: dict[str, ClassicVariable] = {}
        self._dimensions: dict[str, int] = {}
        self._attributes: dict[str, Any] = {}

    def setncatts(self, attributes: Mapping[str, Any]) -> None:
        """Add attributes of the whole file."""
        self._attributes.update(attributes)

    def setncattr(self, name: str, value: Any) -> None:
        """Add one attribute of the whole file."""
        self._attributes[name] = value

    def createDimension(self, name: str, size: int) -> None:
        """Add a dimension."""
        self._dimensions[name] = size

    def createVariable(
        self,
        name: str,
        kind: Any,
        dimensions: tuple[str, ...] = (),
        *,
        fill_value: Any = None,
        **_compression: Any,
    ) -> ClassicVariable:
        """Add a variable; it is not compressed."""
        code = np.dtype(kind).str[1:]
        shape = tuple(self._dimensions[dimension] for dimension in dimensions)
        numbers = tuple(list(self._dimensions).index(dimension) for dimension in dimensions)
        variable = self.variables[name] = ClassicVariable(code, shape, numbers)
        if fill_value is not None:
            variable.setncatts({"_FillValue": np.dtype(code).type(fill_value)})
        return variable

    def write(self, path: Path) -> None:
        """Write the whole file."""
        values = [_padded(variable.values.tobytes()) for variable in self.variables.values()]
        at = len(self._header([0] * len(values)))
        begins = []
        for block in values:
            begins.append(at)
            at += len(block)
        path.write_bytes(b"".join([self._header(begins), *values]))

    def _header(self, begins: Iterable[int]) -> bytes:
        """Everything before the values.

        Args:
            begins: Where the values of each variable begin.
        """
        sizes = [_name(name) + struct.pack(">i", s) for name, s in self._dimensions.items()]
        told = []
        for (name, variable), begin in zip(self.variables.items(), begins, strict=True):
            rank, size = len(variable.dimensions), -4 * (-variable.values.nbytes // 4)
            told.append(
                _name(name)
                + struct.pack(f">i{rank}i", rank, *variable.dimensions)
                + _attributes(variable.attributes)
                + struct.pack(">iiq", variable.kind, size, begin)
            )
        parts = _listed(DIMENSIONS, sizes), _attributes(self._attributes), _listed(VARIABLES, told)
        return b"CDF\x02" + struct.pack(">i", 0) + b"".join(parts)


def _attributes(attributes: Mapping[str, Any]) -> bytes:
    return _listed(ATTRIBUTES, [_name(name) + _value(v) for name, v in attributes.items()])


def _value(value: Any) -> bytes:
    """An attribute: text, or one number or several."""
    if isinstance(value, str):
        text = value.encode()
        return struct.pack(">ii", TEXT, len(text)) + _padded(text)
    numbers = np.atleast_1d(value)
    if numbers.dtype.kind not in "iubf":
        return _value(", ".join(map(str, numbers)))
    code = numbers.dtype.str[1:]
    if code not in KINDS:  # whole numbers of 64 bits
        code = "i4" if numbers.dtype.kind in "iub" else "f8"
        if not np.array_equal(numbers.astype(code), numbers):
            code = "f8"
    content = _padded(numbers.astype(f">{code}").tobytes())
    return struct.pack(">ii", KINDS[code], numbers.size) + content


def _name(name: str) -> bytes:
    text = name.encode()
    return struct.pack(">i", len(text)) + _padded(text)


def _listed(tag: int, items: list[bytes]) -> bytes:
    return struct.pack(">ii", tag if items else 0, len(items)) + b"".join(items)


def _padded(content: bytes) -> bytes:
    """Filled up to whole words of four bytes."""
    return content + bytes(-len(content) % 4)
