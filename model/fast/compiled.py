"""A traced step that compiled kernels run: the counterpart of :mod:`model.fast.program`.

Values lie tile by tile, (tiles, pixels, channels): all that follows on the convolutions of a tile
is done while it is in cache. Channels are filled up to whole vectors, tiles to whole products.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.fast.blocks import BYTES, PANEL, ROWS
from model.fast.bounds import OutOfBounds, addresses
from model.fast.kernels import compute, to_images, to_points
from model.fast.schedule import Schedule, bases
from model.fast.symbols import Symbol
from model.fast.tables import Tables, whole
from model.fast.tiles import Tiling
from model.fast.winograd import Winograd, matrices

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
        buffers: Scratch, by what it is for and which thread uses it.
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


@dataclass(eq=False)
class Known:
    """What is known of a step's values so far, as in :class:`Field`."""

    tiles: dict[Symbol, Tensor]
    spectra: dict[Symbol, Tensor]

    def forget(self, value: Symbol) -> None:
        """Free a value that nobody reads any more."""
        self.tiles.pop(value, None)
        self.spectra.pop(value, None)


class CompiledProgram:
    """A step in its compiled form; arguments as of :class:`model.fast.program.Program`."""

    def __init__(
        self, out: Symbol, memories: Mapping[str, Symbol], m: int, k: int, chunk: int = 0
    ) -> None:
        self.winograd, self._pixels = Winograd(m, k), m * m
        self._chunk = whole(chunk or CHUNKS.get(k, LARGE_CHUNK), ROWS)
        self._out = out
        self._memories = {name: value for name, value in memories.items() if value.kind != "zero"}
        schedule = Schedule([out, *dict.fromkeys(self._memories.values())])
        known = set(schedule.inputs)
        self._levels = []
        for level in schedule.levels:
            self._levels.append(Tables(level, self.winograd, known))
            known = known | set(level.kept)
        self._gates = max(tables.slots * tables.slot for tables in self._levels) * self._chunk
        self._temporaries = max(tables.temporaries * tables.slot for tables in self._levels)
        A, _, B = matrices(m, k)
        self._A, self._B = A.astype(np.float32), B.astype(np.float32)
        self._M, self._N = (0,) * m, (0,) * self.winograd.n

    def workspace(self, tiling: Tiling) -> Workspace:
        """For the steps of a sequence."""
        around = tiling.surroundings(slice(0, tiling.tiles), self.winograd.k // 2)
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
        found = torch.zeros(work.tiles, self._pixels, whole(tiles.shape[2]))
        found[: tiles.shape[1], :, : tiles.shape[2]] = tiles.transpose(0, 1)
        return Field(found)

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
        self, given: Mapping[Symbol, Field], work: Workspace
    ) -> tuple[Tensor, dict[str, Field]]:
        """One step.

        Args:
            given: Fields of the input symbols.
            work: Of this sequence.

        Returns:
            Head output in tiles and the new memories.
        """
        spectra = {value: of.spectra for value, of in given.items() if of.spectra is not None}
        known = Known({value: of.tiles for value, of in given.items()}, spectra)
        for tables in self._levels:
            self._compute(tables, known, work)
            for value in tables.level.last_read:
                known.forget(value)
        memories = {
            name: Field(known.tiles[value], known.spectra.get(value))
            for name, value in self._memories.items()
        }
        return known.tiles[self._out], memories

    def _wanted(
        self, tables: Tables, known: Known, work: Workspace
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """What a level's convolutions read at the points, each value taken there once.

        Returns:
            Values and differences as :func:`model.fast.kernels.to_points` reads them.
        """
        points = self.winograd.n**2
        values, differences = [], []
        for source in (source for source, filtered in tables.sources if filtered):
            for base in bases(source):
                if base not in known.spectra:
                    tiles = known.tiles[base]
                    channels = tiles.shape[2]
                    known.spectra[base] = made = torch.empty(work.tiles, points, channels)
                    size = 4 * work.tiles * channels
                    where = addresses([(tiles, size * self._pixels), (made, size * points)])
                    values.append((*where, channels))
            if source.kind == "subtract" and source not in known.spectra:
                parts = [known.spectra[base] for base in bases(source)]
                known.spectra[source] = made = torch.empty_like(parts[0])
                size = 4 * made.numel()
                where = addresses((array, size) for array in (*parts, made))
                differences.append((*where, size // work.tiles))
        return (
            np.array(values, np.int64).reshape(-1, 3),
            np.array(differences, np.int64).reshape(-1, 4),
        )

    def _compute(self, tables: Tables, known: Known, work: Workspace) -> None:
        """A level: to the points and all that follows, without a halt between them.

        A tile reads its neighbours' values of earlier levels, and of this one its own only.
        """
        wanted = self._wanted(tables, known, work)
        for value in tables.level.kept:
            known.tiles[value] = torch.empty(work.tiles, self._pixels, whole(value.channels))
        points, sources = self.winograd.n**2, []
        for source, filtered in tables.sources:
            row, places = 4 * whole(source.channels), points if filtered else self._pixels
            read = (known.spectra if filtered else known.tiles)[source]
            sources.append((*addresses([(read, work.tiles * places * row)]), source.channels, row))
        arrays = [
            self._constant(value, tables, work) if value.kind == "constant" else known.tiles[value]
            for value in tables.arrays
        ]
        sizes = [
            room if alike else work.tiles * room
            for room, alike in zip(tables.rooms[2:], tables.alike, strict=True)
        ]
        own = addresses(zip(arrays, sizes, strict=True))
        panel = (self._chunk * (points * PANEL + 1) + points) * BYTES

        table = np.array(sources, np.int64).reshape(-1, 3)

        def part(thread: int, first: int, last: int) -> None:
            gates = work.scratch("gates", thread, self._gates)
            temporaries = work.scratch("temporaries", thread, self._temporaries)
            total = work.scratch("panel", thread, panel)
            at = np.array([gates, temporaries, *own], np.int64)
            level = tables.groups, table, tables.units, tables.operations
            chunk = first, last, self._chunk
            x = work.scratch("points", thread, (2 * points + 1) * BYTES)
            to_points(*wanted, work.near, first, last, x, self._B, self._N)
            compute(*level, at, total, *chunk, self._A, self._M, self._N)

        in_threads(part, work.tiles)

    def _constant(self, value: Symbol, tables: Tables, work: Workspace) -> Tensor:
        """A constant as tiles: one for all of them, or one each."""
        if value not in work.constants:
            assert value.weight is not None
            if value.weight[0].numel() == 1:
                row = torch.zeros(tables.slot // (4 * self._pixels))
                row[: len(value.weight) if len(value.weight) > 1 else None] = value.weight.flatten()
                work.constants[value] = row.expand(self._pixels, -1).contiguous()
            else:
                images = value.weight.expand(work.tiling.shape[0], *value.weight.shape)
                work.constants[value] = self.cut(images, work).tiles
        return work.constants[value]


def in_threads(part: Callable[[int, int, int], None], tiles: int) -> None:
    """Call ``part(thread, first, last)`` for all tiles, in as many threads as torch uses."""
    threads = max(1, min(torch.get_num_threads(), tiles // ROWS))
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
