"""Images cut into small squares, all of them or only those that matter.

Tiles of several images are one list, (m * m, tiles, channels). What lies beyond the images, and
what lies in a square that is left out, is zero to its neighbours.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Surroundings(NamedTuple):
    """Where the pixels of some tiles with their surroundings are among all pixels of all tiles.

    Args:
        pixels: Numbers, for (row, column, tile); any where there is none.
        absent: Positions in ``pixels`` of those beyond the images or in no tile: they are zero.
    """

    pixels: Tensor
    absent: Tensor


class Tiling:
    """Images of one size, cut into m x m tiles.

    Args:
        m: Side of a tile.
        shape: (batch, rows, columns) of the images; the last tiles may reach beyond them.
        active: (batch, tile rows, tile columns), which tiles there are; by default all.
    """

    def __init__(self, m: int, shape: tuple[int, int, int], active: Tensor | None = None) -> None:
        self.m, self.shape = m, shape
        batch, rows, columns = shape
        self.grid = (batch, -(-rows // m), -(-columns // m))
        self.active = torch.ones(self.grid, dtype=torch.bool) if active is None else active
        self.tiles = int(self.active.sum())

    def cut(self, images: Tensor) -> Tensor:
        """(batch, channels, rows, columns) into tiles (m * m, tiles, channels)."""
        m, (batch, rows, columns) = self.m, self.shape
        padded = F.pad(images, (0, -columns % m, 0, -rows % m))
        squares = padded.reshape(batch, -1, self.grid[1], m, self.grid[2], m)
        tiles = squares.permute(3, 5, 0, 2, 4, 1).flatten(2, 4).flatten(0, 1)
        return tiles if self.tiles == tiles.shape[1] else tiles[:, self.active.flatten()]

    def join(self, tiles: Tensor) -> Tensor:
        """What :meth:`cut` cut; zero where a tile is left out."""
        if self.tiles < self.active.numel():
            all_tiles = tiles.new_zeros(len(tiles), self.active.numel(), tiles.shape[-1])
            all_tiles[:, self.active.flatten()] = tiles
            tiles = all_tiles
        squares = tiles.reshape(self.m, self.m, *self.grid, -1).permute(2, 5, 3, 0, 4, 1)
        return squares.flatten(4, 5).flatten(2, 3)[..., : self.shape[1], : self.shape[2]]

    def chunks(self, size: int) -> list[slice]:
        """All tiles in pieces of equal size, about ``size``."""
        count = max(1, round(self.tiles / size))
        bounds = [self.tiles * k // count for k in range(count + 1)]
        return [slice(a, b) for a, b in pairwise(bounds)]

    def surroundings(self, chunk: slice, halo: int) -> Surroundings:
        """Of the tiles of a chunk, ``halo`` pixels to each side."""
        image, tile_row, tile_column = (part[chunk] for part in self.active.nonzero(as_tuple=True))
        numbers = torch.full(self.grid, -1)
        numbers[self.active] = torch.arange(self.tiles)
        reach = torch.arange(-halo, self.m + halo)
        row = (tile_row * self.m + reach[:, None])[:, None]  # (row in tile, 1, tile)
        column = (tile_column * self.m + reach[:, None])[None]
        inside = (row >= 0) & (row < self.shape[1]) & (column >= 0) & (column < self.shape[2])
        row, column = row.clamp(0, self.shape[1] - 1), column.clamp(0, self.shape[2] - 1)
        tile = numbers[image, row // self.m, column // self.m]
        pixel = (row % self.m * self.m + column % self.m) * self.tiles + tile.clamp(0)
        absent = ~inside | (tile < 0)
        return Surroundings(pixel.flatten(), absent.flatten().nonzero().flatten())


def gather(tiles: Tensor, surroundings: Surroundings) -> Tensor:
    """Tiles with their surroundings, (rows x columns x tiles of a chunk, channels)."""
    pixels = tiles.view(-1, tiles.shape[-1]).index_select(0, surroundings.pixels)
    return pixels.index_fill_(0, surroundings.absent, 0)
