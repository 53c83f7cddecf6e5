"""Images cut into small squares, all of them or only those that matter.

Tiles of several images are one list, (m * m, tiles, channels). What lies beyond the images is zero
to its neighbours. Tiles that are left out are alike in kinds, dry sky above all: one of each kind
is computed as if its like surrounded it, and stands for all of them.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class TileNeighbourhood(NamedTuple):
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
        active: (batch, tile rows, tile columns), which tiles are computed; by default all.
        kinds: Like ``active``, integers: of what kind a tile is that is left out; by default 0.

    ``numbers``, (batch, tile rows, tile columns), says which tile of the list stands where.
    """

    def __init__(
        self,
        m: int,
        shape: tuple[int, int, int],
        active: Tensor | None = None,
        kinds: Tensor | None = None,
    ) -> None:
        self.m, self.shape = m, shape
        batch, rows, columns = shape
        self.grid = (batch, -(-rows // m), -(-columns // m))
        self._active = torch.ones(self.grid, dtype=torch.bool) if active is None else active
        self._places = self._active.flatten().nonzero().flatten()  # of the tiles in the list
        self._computed = len(self._places)
        self.numbers = torch.zeros(self.grid, dtype=torch.long)
        self.numbers[self._active] = torch.arange(self._computed)
        if self._computed < self._active.numel():
            self._stand_in(torch.zeros_like(self.numbers) if kinds is None else kinds)
        self.tiles = len(self._places)

    def _stand_in(self, kinds: Tensor) -> None:
        """Find a tile for every kind that is left out: that with most neighbours of the kind."""
        for image, kind in itertools.product(range(self.grid[0]), torch.unique(kinds).tolist()):
            alike = (kinds[image] == kind) & ~self._active[image]
            if alike.any():
                crowd = F.avg_pool2d(alike[None].float(), 7, 1, 3)[0]
                place = (crowd * alike).argmax() + image * alike.numel()
                self.numbers[image][alike] = len(self._places)
                self._places = torch.cat([self._places, place[None]])

    def cut(self, images: Tensor) -> Tensor:
        """(batch, channels, rows, columns) into tiles (m * m, tiles, channels)."""
        m, (batch, rows, columns) = self.m, self.shape
        padded = F.pad(images, (0, -columns % m, 0, -rows % m))
        squares = padded.reshape(batch, -1, self.grid[1], m, self.grid[2], m)
        tiles = squares.permute(3, 5, 0, 2, 4, 1).flatten(2, 4).flatten(0, 1)
        return tiles if self._active.all() else tiles[:, self._places]

    def neighbourhood(self, halo: int) -> TileNeighbourhood:
        """Of all tiles, ``halo`` pixels to each side."""
        places, (_, rows, columns) = self._places, self.grid
        image, tile_row, tile_column = (  # as torch.unravel_index, which imports sympy
            places // (rows * columns),
            places // columns % rows,
            places % columns,
        )
        reach = torch.arange(-halo, self.m + halo)[:, None]
        row = (tile_row * self.m + reach)[:, None]  # (row around tile, 1, tile)
        column = (tile_column * self.m + reach)[None]
        inside = (row >= 0) & (row < self.shape[1]) & (column >= 0) & (column < self.shape[2])
        near_row = (row // self.m).clamp(0, self.grid[1] - 1)
        near_column = (column // self.m).clamp(0, self.grid[2] - 1)
        number = torch.arange(self.tiles)
        stands_in = number >= self._computed
        tile = torch.where(stands_in, number, self.numbers[image, near_row, near_column])
        pixel = (row % self.m * self.m + column % self.m) * self.tiles + tile
        absent = ~(inside | stands_in)
        return TileNeighbourhood(pixel.flatten(), absent.flatten().nonzero().flatten())
