"""Headers of classic NetCDF (CDF-1, CDF-2, CDF-5), checked against the file before the library.

The library allots memory for as many names, dimensions and records as a header claims; and what is
missing at the end of a file it reads as zeros, as dry. So every length is compared with the bytes
that are there. The format: NetCDF Classic Format Specification, of Unidata.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO, Final

from echocast.model.errors import InputTooLarge

VERSIONS: Final = {b"CDF\x01": (4, 4), b"CDF\x02": (4, 8), b"CDF\x05": (8, 8)}
"""First bytes -> bytes of a count, and of an offset."""
ABSENT, DIMENSIONS, VARIABLES, ATTRIBUTES = 0, 10, 11, 12  # tags of lists
ITEM_BYTES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
"""Number of a type -> bytes of a value; those from 7 on are CDF-5's."""
WORD: Final = 4  # bytes, to which names and values are filled up
MOST_PARTS: Final = 20_000  # dimensions, variables, attributes, and axes of variables
DAMAGED: Final = "its header is damaged"


def is_classic(start: bytes) -> bool:
    """Whether a file begins as classic NetCDF does."""
    return start[:4] in VERSIONS


def check_classic(path: Path) -> None:
    """Check that all a classic file claims is in it; of others nothing is checked.

    Raises:
        OSError: The header is damaged, or the file shorter than it says.
        InputTooLarge: It has too many dimensions, variables and attributes to look at.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(WORD)
        if is_classic(start):
            _Header(file, size, *VERSIONS[start]).check()


@dataclass(frozen=True)
class _Variable:
    """How much a variable takes.

    Args:
        begin: Where its values begin, in bytes.
        bytes: Of all its values, or of those of one record.
        is_record: Whether its first dimension grows with the records.
    """

    begin: int
    bytes: int
    is_record: bool


@dataclass
class _Header:
    """The header of an open file.

    Args:
        file: Behind the first bytes.
        size: Of the file.
        count_bytes: Of a count.
        offset_bytes: Of an offset.
    """

    file: BinaryIO
    size: int
    count_bytes: int
    offset_bytes: int
    parts: int = 0

    def check(self) -> None:
        """Read it to its end."""
        records = self._number(self.count_bytes)
        lengths = [self._dimension() for _ in self._list(DIMENSIONS)]
        self._attributes()
        variables = [self._variable(lengths) for _ in self._list(VARIABLES)]
        growing = [one.bytes for one in variables if one.is_record]
        record = growing[0] if len(growing) == 1 else sum(map(_filled_up, growing))
        for one in variables:
            before = (records - 1) * record if one.is_record else 0
            if (records or not one.is_record) and one.begin + before + one.bytes > self.size:
                raise OSError("it is cut short")

    def _list(self, tag: int) -> Iterator[int]:
        """Its elements, one after another."""
        kind, count = self._number(WORD), self._number(self.count_bytes)
        if kind != tag and (kind, count) != (ABSENT, 0):
            raise OSError(DAMAGED)
        self._expect(count)
        yield from range(count)

    def _expect(self, parts: int) -> None:
        """Check that so many more can be in the file, and are not too many."""
        self.parts += parts
        if WORD * self.parts > self.size:
            raise OSError(DAMAGED)
        if self.parts > MOST_PARTS:
            name = Path(self.file.name).name
            raise InputTooLarge(f"The header of {name} lists more than {MOST_PARTS} parts.")

    def _dimension(self) -> int:
        self._skip(self._number(self.count_bytes))
        return self._number(self.count_bytes)

    def _attributes(self) -> None:
        for _ in self._list(ATTRIBUTES):
            self._skip(self._number(self.count_bytes))
            item = self._item_bytes()
            self._skip(item * self._number(self.count_bytes))

    def _variable(self, lengths: list[int]) -> _Variable:
        self._skip(self._number(self.count_bytes))
        rank = self._number(self.count_bytes)
        self._expect(rank)
        dimensions = [self._number(self.count_bytes) for _ in range(rank)]
        if any(index >= len(lengths) for index in dimensions):
            raise OSError(DAMAGED)
        self._attributes()
        item, _ = self._item_bytes(), self._number(self.count_bytes)
        begin, shape = self._number(self.offset_bytes), [lengths[index] for index in dimensions]
        is_record = bool(shape) and not shape[0]
        return _Variable(begin, item * prod(shape[is_record:]), is_record)

    def _item_bytes(self) -> int:
        kind = self._number(WORD)
        if kind not in ITEM_BYTES:
            raise OSError(f"its header names a type {kind}")
        return ITEM_BYTES[kind]

    def _number(self, length: int) -> int:
        content = self.file.read(length)
        if len(content) < length:
            raise OSError("it is cut short")
        return int.from_bytes(content, "big")

    def _skip(self, length: int) -> None:
        if self.file.seek(_filled_up(length), 1) > self.size:
            raise OSError("it is cut short")


def _filled_up(length: int) -> int:
    return -(-length // WORD) * WORD
