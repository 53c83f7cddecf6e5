"""A traced step that compiled kernels run.

Values lie tile by tile, (tiles, pixels, channels): all that follows on the convolutions of a tile
is done while it is in cache. Channels are filled up to whole vectors, tiles to whole products.
"""

from __future__ import annotations

import functools
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from echocast.model.inference.winograd.bounds_check import OutOfBounds, addresses
from echocast.model.inference.winograd.kernels import step, to_images
from echocast.model.inference.winograd.microkernel import BYTES, PANEL, ROWS
from echocast.model.inference.winograd.opcodes import (
    SCRATCH,
    TEMPORARIES,
    Arrays,
    Tables,
    joined,
    whole,
)
from echocast.model.inference.winograd.schedule import Schedule
from echocast.model.inference.winograd.tiling import Tiling
from echocast.model.inference.winograd.trace import Symbol
from echocast.model.inference.winograd.transforms import Winograd

CHUNKS = {3: 8}  # kernel -> tiles computed together
LARGE_CHUNK = 32  # so that large kernels are read from memory less often


class Field(NamedTuple):
    """One value on the whole image, float32.

    Args:
        tiles: (tiles, m * m, channels).
        spectra: (tiles, n * n, channels), its values at the points, once a convolution read it.
    """

    tiles: Tensor
    spectra: Tensor | None = None


@dataclass(eq=False)
class Workspace:
    """What the steps of one sequence share beside the memories.

    Args:
        tiling: How its images are cut.
        near: (tiles, n * n), the pixels in and around every tile among all pixels; -1 for none.
        constants: Constants of the step as tiles.
        buffers: Scratch memory by purpose, and number of the thread or of the slot.
    """

    tiling: Tiling
    near: NDArray[np.int32]
    constants: dict[Symbol, Tensor] = field(default_factory=dict)
    buffers: dict[tuple[str, int], Tensor] = field(default_factory=dict)

    @property
    def tiles(self) -> int:
        """Tiles in the list, filled up with empty ones."""
        return len(self.near)

    def scratch(self, purpose: str, thread: int, size: int) -> int:
        """Address of at least ``size`` bytes; new ones are zero."""
        key = (purpose, thread)
        if key not in self.buffers or 4 * len(self.buffers[key]) < size:
            self.buffers[key] = torch.zeros(size // 4)
        return self.buffers[key].data_ptr()


class CompiledProgram:
    """A step in its compiled form.

    Args:
        out: Symbol of the head's output.
        memories: Symbols of the memories to keep, by name.
        m: Side of a tile.
        k: Side of the kernels.
        chunk: Tiles computed at a time, about; 0: what is best.
    """

    def __init__(
        self, out: Symbol, memories: Mapping[str, Symbol], m: int, k: int, chunk: int = 0
    ) -> None:
        self.winograd, self._pixels = Winograd(m, k), m * m
        self._chunk = whole(chunk or CHUNKS.get(k, LARGE_CHUNK), ROWS)
        self._out = out
        self._memories = {name: value for name, value in memories.items() if value.kind != "zero"}
        schedule = Schedule([out, *dict.fromkeys(self._memories.values())])
        self._arrays, known, self._levels = Arrays(), set(schedule.inputs), list[Tables]()
        for level in schedule.levels:
            self._levels.append(Tables(level, self.winograd, known, self._arrays))
            known = known | set(level.outputs)
        self._tables = joined(self._levels)
        self._gates = max(tables.slots * tables.slot for tables in self._levels) * self._chunk
        self._temporaries = max(tables.temporaries * tables.slot for tables in self._levels)
        returned = {out, *self._memories.values()}
        numbers = self._arrays.numbers.items()
        self._returned = {key: number for key, number in numbers if key[0] in returned}
        self._constants = {key[0]: n for key, n in numbers if key[0].kind == "constant"}
        elsewhere = {n for (value, at), n in numbers if value.kind == "input" and not at}
        elsewhere |= {*self._returned.values(), *self._constants.values()}
        self._slots = slots(self._levels, self._arrays.rooms, elsewhere)
        A, _, B = self.winograd.matrices
        self._A, self._B = A.astype(np.float32), B.astype(np.float32)
        self._M, self._N = (0,) * m, (0,) * self.winograd.n

    def workspace(self, tiling: Tiling) -> Workspace:
        """For the steps of a sequence."""
        around = tiling.neighbourhood(self.winograd.k // 2)
        number = around.pixels % tiling.tiles * self._pixels + around.pixels // tiling.tiles
        number[around.absent] = -1
        near = np.full((whole(tiling.tiles, ROWS), self.winograd.n**2), -1, np.int32)
        near[: tiling.tiles] = number.view(-1, tiling.tiles).T.numpy()
        if near.max() >= tiling.tiles * self._pixels:
            raise OutOfBounds(f"There is no pixel {near.max()} in {tiling.tiles} tiles.")
        return Workspace(tiling, near)

    def cut(self, images: Tensor, work: Workspace) -> Field:
        """Images (batch, channels, rows, columns) as a field."""
        tiles = work.tiling.cut(images)
        filled = torch.zeros(work.tiles, self._pixels, whole(tiles.shape[2]))
        filled[: tiles.shape[1], :, : tiles.shape[2]] = tiles.transpose(0, 1)
        return Field(filled)

    def join(self, tiles: Tensor, work: Workspace) -> Tensor:
        """Images of the head's output."""
        batch, rows, columns = work.tiling.shape
        images = torch.empty(batch, self._out.channels, rows, columns)
        to_images(tiles.numpy(), work.tiling.numbers.numpy(), images.numpy())
        return images

    def zero(self, channels: int, work: Workspace) -> Field:
        """A memory that is zero."""
        return Field(torch.zeros(work.tiles, self._pixels, whole(channels)))

    def run(
        self, inputs: Mapping[Symbol, Field], work: Workspace
    ) -> tuple[Tensor, dict[str, Field]]:
        """One step.

        Returns:
            Head output in tiles and the new memories.
        """
        given, at = np.zeros(len(self._arrays.rooms), bool), self._placed(work)
        fields = {(value, False): of.tiles for value, of in inputs.items()}
        fields |= {(v, True): of.spectra for v, of in inputs.items() if of.spectra is not None}
        for key in fields.keys() & self._arrays.numbers.keys():
            number = self._arrays.numbers[key]
            size = work.tiles * self._arrays.rooms[number]
            at[number], given[number] = addresses([(fields[key], size)])[0], True
        for key, number in self._returned.items():
            if not given[number]:
                places = self.winograd.n**2 if key[1] else self._pixels
                fields[key] = torch.empty(work.tiles, places, whole(key[0].channels))
                at[number] = fields[key].data_ptr()
        self._compute(given, at, work)
        memories = {
            name: Field(fields[value, False], fields.get((value, True)))
            for name, value in self._memories.items()
        }
        return fields[self._out, False], memories

    def _placed(self, work: Workspace) -> NDArray[np.int64]:
        """Addresses of the arrays that are no fields: constants, and what only this step needs."""
        at = np.zeros(len(self._arrays.rooms), np.int64)
        for value, number in self._constants.items():
            tiles = 1 if number in self._arrays.alike else work.tiles
            size = tiles * self._arrays.rooms[number]
            at[number] = addresses([(self._constant(value, number, work), size)])[0]
        for number, slot in self._slots.items():
            room = self._arrays.rooms[number]
            at[number] = work.scratch(f"slot of {room} bytes", slot, work.tiles * room)
        return at

    def _compute(self, given: NDArray[np.bool_], at: NDArray[np.int64], work: Workspace) -> None:
        """All levels at once in one thread; several threads meet after each."""
        panel = (self._chunk * (self.winograd.n**2 * PANEL + 1) + self.winograd.n**2) * BYTES

        def part(levels: tuple[int, int], thread: int, first: int, last: int) -> None:
            arrays = at.copy()
            arrays[SCRATCH] = work.scratch("gates", thread, self._gates)
            arrays[TEMPORARIES] = work.scratch("temporaries", thread, self._temporaries)
            x = work.scratch("points", thread, (2 * self.winograd.n**2 + 1) * BYTES)
            total = work.scratch("panel", thread, panel)
            chunk = levels, (first, last), self._chunk
            matrices = self._A, self._B, self._M, self._N
            step(*self._tables, given, arrays, work.near, *chunk, x, total, *matrices)

        threads = max(1, min(torch.get_num_threads(), work.tiles // ROWS))
        count = len(self._levels)
        for levels in pairwise(range(count + 1)) if threads > 1 else [(0, count)]:
            in_threads(functools.partial(part, levels), work.tiles, threads)

    def _constant(self, value: Symbol, number: int, work: Workspace) -> Tensor:
        """A constant as tiles: one for all of them, or one each."""
        if value not in work.constants:
            assert value.weight is not None
            if value.weight[0].numel() == 1:
                row = torch.zeros(self._arrays.rooms[number] // (4 * self._pixels))
                row[: len(value.weight) if len(value.weight) > 1 else None] = value.weight.flatten()
                work.constants[value] = row.expand(self._pixels, -1).contiguous()
            else:
                images = value.weight.expand(work.tiling.shape[0], *value.weight.shape)
                work.constants[value] = self.cut(images, work).tiles
        return work.constants[value]


def slots(levels: Sequence[Tables], rooms: Sequence[int], elsewhere: set[int]) -> dict[int, int]:
    """Which array lies in which slot: one takes the place of another that is not read again.

    Args:
        levels: In the order in which they are computed.
        rooms: Bytes of a tile, by number of array; slots are counted for each.
        elsewhere: Numbers of arrays that need none.
    """
    last = {number: k for k, level in enumerate(levels) for number in level.numbers}
    in_slots, free, counts = dict[int, int](), defaultdict[int, list[int]](list), Counter[int]()
    for k, level in enumerate(levels):
        numbers = sorted(level.numbers - elsewhere)
        for number in numbers:
            room = rooms[number]
            if number not in in_slots:
                if not free[room]:
                    free[room], counts[room] = [counts[room]], counts[room] + 1
                in_slots[number] = free[room].pop()
        for number in numbers:
            if last[number] == k:
                free[rooms[number]].append(in_slots[number])
    return in_slots


def in_threads(part: Callable[[int, int, int], None], tiles: int, threads: int) -> None:
    """Call ``part(thread, first, last)`` for all tiles."""
    bounds = [tiles // ROWS * k // threads * ROWS for k in range(threads + 1)]
    pool = _pool(os.getpid()) if threads > 1 else None
    others = [pool.submit(part, k, *bounds[k : k + 2]) for k in range(1, threads) if pool]
    part(0, *bounds[:2])
    for other in others:
        other.result()


@functools.cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Threads of this process: those of its parent are not there after a fork."""
    del process
    return ThreadPoolExecutor(os.cpu_count(), "fast-steps")
