"""A traced step as tables of numbers, level by level, for the compiled kernels to read.

Values lie tile by tile, (tiles, pixels, channels), their channels filled up to whole vectors. The
tables speak of arrays by numbers, so that they are made once; where an array lies is known when a
step is made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from echocast.model.inference.winograd import kernels as code
from echocast.model.inference.winograd.bounds_check import (
    OutOfBounds,
    check_operations,
    check_units,
)
from echocast.model.inference.winograd.microkernel import PANEL
from echocast.model.inference.winograd.schedule import Level, Sum, bases
from echocast.model.inference.winograd.simd import WIDTH
from echocast.model.inference.winograd.trace import Symbol, Untraceable
from echocast.model.inference.winograd.transforms import Winograd

CODES = {
    "add": code.ADD,
    "subtract": code.SUBTRACT,
    "multiply": code.MULTIPLY,
    "sigmoid": code.SIGMOID,
    "tanh": code.TANH,
}
SCRATCH, TEMPORARIES = code.SCRATCH, 1  # the first arrays: every thread has its own


def whole(size: int, part: int = WIDTH) -> int:
    """A size, filled up to a multiple."""
    return -(-size // part) * part


class Place(NamedTuple):
    """Where a value of a tile is: base, and bytes from tile to tile and before the first."""

    base: int
    stride: int = 0
    offset: int = 0


class Arrays:
    """Numbers of the arrays of a step, after those of scratch.

    ``numbers`` are by value and whether it is the value at the points; ``rooms`` are bytes of a
    tile, by number; of ``alike`` numbers one tile stands for all.
    """

    def __init__(self) -> None:
        self.numbers: dict[tuple[Symbol, bool], int] = {}
        self.rooms = [0, 0]
        self.alike: set[int] = set()

    def number(self, value: Symbol, room: int, *, points: bool = False) -> int:
        """Of an array with at least that room."""
        number = self.numbers.setdefault((value, points), len(self.rooms))
        self.rooms += [0] * (number + 1 - len(self.rooms))
        self.rooms[number] = max(self.rooms[number], room)
        return number


class Tables:
    """A level, for any number of tiles, in the rows that :func:`.kernels.step` reads.

    Args:
        level: What to compute.
        winograd: How its convolutions are computed.
        known: Values of the levels before it.
        arrays: Those of the levels before it, to which this one's are added.
    """

    def __init__(
        self, level: Level, winograd: Winograd, known: set[Symbol], arrays: Arrays
    ) -> None:
        self.level, self._winograd = level, winograd
        self._known, self._arrays = known, arrays
        self._pixels = winograd.m**2
        self._places: dict[Symbol, Place] = {}
        self._operations: list[tuple[int, ...]] = []
        self._units: list[tuple[int, ...]] = []
        self._values: list[tuple[int, ...]] = []
        self._differences: list[tuple[int, ...]] = []
        self._sources: list[tuple[int, ...]] = []
        self._alive: list[Tensor] = []  # kernels and biases, known by their addresses
        self.gates = {sum_.gate: sum_ for group in level.groups for sum_ in group}
        widest = max((whole(value.channels) for value in (*self.gates, *level.outputs)), default=0)
        self.slot = 4 * self._pixels * widest
        self.slots = len(self.gates)
        self.temporaries = 0
        self._place_gates()
        groups = [self._group(group) for group in level.groups]
        self._uses = Counter(self._reads())
        for value in level.outputs:
            self._lower(value)
        self.groups = _table(groups, 6)
        self.units = _table(self._units, 5)
        self.operations = _table(self._operations, 11)
        self.values, self.differences = _table(self._values, 3), _table(self._differences, 4)
        self.sources = _table(self._sources, 3)
        rooms = [self.slots * self.slot, self.temporaries * self.slot, *arrays.rooms[2:]]
        check_units(self.units, self._pixels, rooms)
        check_operations(self.operations, rooms)

    @property
    def tables(self) -> tuple[NDArray[np.int64], ...]:
        """In the order in which :func:`.kernels.step` takes them."""
        to_points = self.values, self.differences
        return *to_points, self.groups, self.sources, self.units, self.operations

    @property
    def numbers(self) -> set[int]:
        """Of the arrays that are read or written, without scratch."""
        columns = (
            self.values[:, : code.CHANNELS],
            self.differences[:, : code.TILE_BYTES],
            self.sources[:, code.SOURCE],
            self.units[:, code.BASE],
            self.operations[:, code.RESULT :: 3],
        )
        numbers = np.concatenate([column.ravel() for column in columns])
        return set(numbers[numbers > TEMPORARIES].tolist())

    def _place_gates(self) -> None:
        """A gate that is an output goes to its own array, all others to scratch."""
        for number, gate in enumerate(self.gates):
            if gate in self.level.outputs:
                self._places[gate] = self._array(gate)
            else:
                self._places[gate] = Place(SCRATCH, self.slots * self.slot, number * self.slot)

    def _array(self, value: Symbol, channels: int = 0, *, everywhere: bool = False) -> Place:
        """The place of a value that has an array of its own."""
        room = 4 * self._pixels * whole(channels or value.channels)
        number = self._arrays.number(value, room)
        if everywhere:
            self._arrays.alike.add(number)
        return Place(number, 0 if everywhere else room)

    def _group(self, group: list[Sum]) -> tuple[int, ...]:
        """A row of ``groups``; its sources and units on the way."""
        filtered = group[0].kernel > 1
        first, unit = len(self._sources), len(self._units)
        sources = tuple(dict.fromkeys(group[0].sources))
        self._sources += [self._source(source, filtered) for source in sources]
        weights = [self._weights(group, source, filtered) for source in sources]
        weight = panels(weights)
        self._alive.append(weight)
        for sum_ in group:
            self._columns(sum_)
        if (len(self._units) - unit) % 2:
            self._units.append((-1, 0, 0, 0, 0))
        columns = len(self._units) - unit
        places, inner = len(weights[0]), sum(source.channels for source in sources)
        if weight.numel() != places * inner * columns * WIDTH:
            raise OutOfBounds(f"{weight.numel()} kernel values do not fill {columns} columns.")
        return int(filtered), first, len(self._sources), weight.data_ptr(), columns, unit

    def _source(self, source: Symbol, filtered: bool) -> tuple[int, ...]:
        """A row of ``sources``; its values at the points are made too, if they are not there."""
        row = 4 * whole(source.channels)
        if not filtered:
            return self._array(source).base, source.channels, row
        known = (source, True) in self._arrays.numbers
        for base in bases(source):
            if (base, True) not in self._arrays.numbers:
                tiles = self._array(base).base
                self._values.append((tiles, self._at_points(base), whole(base.channels)))
        if source.kind == "subtract" and not known:
            a, b = (self._at_points(base) for base in bases(source))
            size = row * self._winograd.n**2
            self._differences.append((a, b, self._at_points(source), size))
        return self._at_points(source), source.channels, row

    def _at_points(self, value: Symbol) -> int:
        """The number of a value's array at the points."""
        room = 4 * self._winograd.n**2 * whole(value.channels)
        return self._arrays.number(value, room, points=True)

    def _weights(self, group: list[Sum], source: Symbol, filtered: bool) -> Tensor:
        """(points or 1, in, out) of all sums for one source."""
        parts = []
        for sum_ in group:
            weight = torch.stack([w for s, w in sum_.terms if s is source]).sum(0)
            empty = whole(len(weight)) - len(weight)
            parts.append(torch.cat([weight, weight.new_zeros(empty, *weight.shape[1:])]))
        weight = torch.cat(parts)
        return self._winograd.kernels(weight) if filtered else weight[:, :, 0, 0].T[None].float()

    def _columns(self, sum_: Sum) -> None:
        """Where the columns of a gate go, vector by vector."""
        bias = torch.zeros(whole(sum_.gate.channels))
        bias[: sum_.gate.channels] = sum_.bias
        self._alive.append(bias)
        base, stride, offset = self._places[sum_.gate]
        for c in range(0, len(bias), WIDTH):
            row = (base, stride, offset + 4 * c, 4 * len(bias), bias.data_ptr() + 4 * c)
            self._units.append(row)

    def _reads(self) -> list[Symbol]:
        """Every value of this level as often as another one reads it."""
        reads: list[Symbol] = []
        visited: set[Symbol] = set()
        waiting = list(self.level.outputs)
        while waiting:
            if (value := waiting.pop()) in visited or value in self._known:
                continue
            visited.add(value)
            parts = self.gates[value].extras if value in self.gates else value.parts
            reads += parts
            waiting += parts
        return reads

    def _lower(self, value: Symbol, channels: int = 0) -> Place:
        """Write down how a value is computed; where it is then."""
        channels = value.channels or channels
        if value in self.gates:
            return self._with_extras(self.gates[value])
        if value in self._places:
            return self._places[value]
        if value.kind == "constant":
            assert value.weight is not None
            everywhere = value.weight[0].numel() == 1
            place = self._array(value, channels, everywhere=everywhere)
        elif value in self._known:
            place = self._array(value)
        elif value.kind in CODES:
            operands = [self._lower(part, channels) for part in value.parts]
            place = (
                self._array(value) if value in self.level.outputs else self._result(value, operands)
            )
            length = 4 * self._pixels * whole(channels)
            pair = (operands[0], operands[-1])
            self._operations.append((CODES[value.kind], length, *place, *pair[0], *pair[1]))
        else:
            raise Untraceable(f"A {value.kind!r} has no compiled form.")
        self._places[value] = place
        return place

    def _with_extras(self, sum_: Sum) -> Place:
        """A gate once what is added to it as it is was added."""
        place = self._places[sum_.gate]
        length = 4 * self._pixels * whole(sum_.gate.channels)
        for extra in sum_.extras:
            other = self._lower(extra, sum_.gate.channels)
            self._operations.append((code.ADD, length, *place, *place, *other))
        self.gates[sum_.gate] = Sum(sum_.gate, sum_.terms, sum_.bias, ())
        return place

    def _result(self, value: Symbol, operands: list[Place]) -> Place:
        """Scratch for a value: in place of an operand that is not read again, if there is one."""
        for part, place in zip(value.parts, operands, strict=True):
            if place.base <= TEMPORARIES and self._uses[part] == 1:
                return place
        self.temporaries += 1
        return Place(TEMPORARIES, 0, (self.temporaries - 1) * self.slot)


def joined(levels: Sequence[Tables]) -> tuple[NDArray[np.int64], ...]:
    """All levels one after the other.

    Returns:
        Where the rows of each level begin and end, (levels + 1, 6), and the tables as
        :func:`.kernels.step` takes them.
    """
    parts = [level.tables for level in levels]
    ends = np.cumsum([[0] * 6, *([len(table) for table in part] for part in parts)], axis=0)
    tables = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return ends, *tables


def _table(rows: Sequence[tuple[int, ...]], columns: int) -> NDArray[np.int64]:
    return np.array(rows, np.int64).reshape(-1, columns)


def panels(weights: list[Tensor]) -> Tensor:
    """Kernels (points, in, out) of several sources in the order in which products read them."""
    columns = whole(weights[0].shape[2], 2 * WIDTH)
    parts = []
    for start in range(0, columns, PANEL * WIDTH):
        stop = min(start + PANEL * WIDTH, columns)
        rows = []
        for weight in weights:
            part = weight[:, :, start:stop]
            filled = part.new_zeros(*part.shape[:2], stop - start)
            filled[..., : part.shape[2]] = part
            rows.append(filled.flatten(1))
        parts.append(torch.cat(rows, 1).flatten())
    return torch.cat(parts).contiguous()
