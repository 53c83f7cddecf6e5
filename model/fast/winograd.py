"""Winograd's minimal filtering: a convolution as products of few points, and the way there.

An output tile of m x m needs an input tile of n x n, n = m + k - 1. Both tile and kernel are
evaluated as polynomials at n points a side; there the convolution is a product per point; back from
the points come m x m sums (Winograd 1980; Lavin and Gray, CVPR 2016, F(m x m, k x k)). A value of
the output costs (n / m)^2 multiplications in place of k^2: 4 for F(4, 5) in place of 25.

Layouts: an image in tiles is (m, m, batch, tile rows, tile columns, channels): the place in a tile
comes first, channels last. A spectrum is (n * n, tiles, channels).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

POINTS = tuple(map(Fraction, ("0", "1", "-1", "2", "-2", "1/2", "-1/2", "4", "-4")))


def matrices(m: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A (m, n), G (n, k) and B (n, n) of F(m, k): y = A ((G g) * (B x)), exact in float64.

    Cook-Toom at n - 1 points and infinity; y_j = sum_i g_i x_(i+j).
    """
    n = m + k - 1
    points = POINTS[: n - 1]
    A = [[p**j for p in points] + [Fraction(j == m - 1)] for j in range(m)]
    G = [[p**i / _others(points, p) for i in range(k)] for p in points]
    G.append([Fraction(i == k - 1) for i in range(k)])
    B = [[*_coefficients([q for q in points if q != p]), Fraction(0)] for p in points]
    B.append(_coefficients(list(points)))
    return tuple(np.array(part, dtype=np.float64) for part in (A, G, B))  # type: ignore[return-value]


def _others(points: tuple[Fraction, ...], p: Fraction) -> Fraction:
    product = Fraction(1)
    for q in points:
        product *= p - q if q != p else 1
    return product


def _coefficients(roots: list[Fraction]) -> list[Fraction]:
    """Of the polynomial with these roots, lowest power first."""
    result = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *result], [root * c for c in result] + [Fraction(0)]
        result = [a - b for a, b in zip(shifted, scaled, strict=True)]
    return result


@dataclass(frozen=True)
class Winograd:
    """F(m x m, k x k) in float32.

    Args:
        m: Side of an output tile.
        k: Side of the kernels.
    """

    m: int
    k: int

    @property
    def n(self) -> int:
        """Side of an input tile."""
        return self.m + self.k - 1

    def kernels(self, weight: Tensor) -> Tensor:
        """Kernels (out, in, k, k) at the points, (n * n, in, out); transformed in float64."""
        G = torch.from_numpy(matrices(self.m, self.k)[1])
        points = torch.einsum("uk,oikl,vl->uvio", G, weight.double().cpu(), G)
        return points.flatten(0, 1).to(weight.device, torch.float32).contiguous()

    def forth(self) -> Tensor:
        """(n * n, n * n): an input tile to its values at the points."""
        B = matrices(self.m, self.k)[2]
        return torch.from_numpy(np.kron(B, B)).float()

    def back(self) -> Tensor:
        """(m * m, n * n): products at the points to an output tile."""
        A = matrices(self.m, self.k)[0]
        return torch.from_numpy(np.kron(A, A)).float()


@dataclass(frozen=True)
class Tiling:
    """Images of one size, cut into m x m tiles.

    Args:
        m: Side of a tile.
        batch, rows, columns: Size of the images; the last tiles may reach beyond it.
    """

    m: int
    batch: int
    rows: int
    columns: int

    @property
    def tile_rows(self) -> int:
        """Tiles from top to bottom."""
        return -(-self.rows // self.m)

    @property
    def tile_columns(self) -> int:
        """Tiles from left to right."""
        return -(-self.columns // self.m)

    @property
    def tiles(self) -> int:
        """Tiles of all images."""
        return self.batch * self.tile_rows * self.tile_columns

    def cut(self, images: Tensor) -> Tensor:
        """(batch, channels, rows, columns) into tiles (m * m, tiles, channels)."""
        m, below, right = self.m, -self.rows % self.m, -self.columns % self.m
        padded = torch.nn.functional.pad(images, (0, right, 0, below))
        shape = (self.batch, -1, self.tile_rows, m, self.tile_columns, m)
        return padded.reshape(shape).permute(3, 5, 0, 2, 4, 1).reshape(m * m, -1, images.shape[1])

    def join(self, tiles: Tensor) -> Tensor:
        """What :meth:`cut` cut."""
        split = self.squares(tiles).permute(2, 5, 3, 0, 4, 1)
        return split.flatten(4, 5).flatten(2, 3)[..., : self.rows, : self.columns]

    def squares(self, tiles: Tensor) -> Tensor:
        """A view (m, m, batch, tile rows, tile columns, channels) of tiles."""
        m, channels = self.m, tiles.shape[-1]
        return tiles.view(m, m, self.batch, self.tile_rows, self.tile_columns, channels)

    def clear_outside(self, tiles: Tensor) -> None:
        """Zero in place what lies beyond the images, as the padding of a convolution is."""
        squares = self.squares(tiles)
        if rest := self.rows % self.m:
            squares[rest:, :, :, -1] = 0
        if rest := self.columns % self.m:
            squares[:, rest:, :, :, -1] = 0

    def chunks(self, size: int) -> list[Chunk]:
        """All tiles in pieces of about ``size``: some images, or some tile rows of one image."""
        rows, row = self.tile_rows, self.tile_columns
        images = size // (rows * row)
        if images:
            starts = range(0, self.batch, images)
            return [Chunk(slice(i, min(i + images, self.batch)), slice(0, rows)) for i in starts]
        step = -(-rows // -(-rows * row // max(size, row)))  # pieces of about equal size
        return [
            Chunk(slice(i, i + 1), slice(r, min(r + step, rows)))
            for i in range(self.batch)
            for r in range(0, rows, step)
        ]

    def part(self, chunk: Chunk) -> slice:
        """Where the tiles of a chunk are among all tiles."""
        row, image = self.tile_columns, self.tile_rows * self.tile_columns
        first = chunk.images.start * image + chunk.rows.start * row
        last = (chunk.images.stop - 1) * image + chunk.rows.stop * row
        return slice(first, last)

    def with_surroundings(self, tiles: Tensor, chunk: Chunk, k: int) -> Tensor:
        """Tiles with their surroundings of k // 2, zero beyond the images.

        Args:
            tiles: (m * m, tiles, channels) of all tiles.
            chunk: Which of them.
            k: Side of the kernels, at most 2 m + 1.

        Returns:
            (n, n, tiles of the chunk, channels), n = m + k - 1.
        """
        squares, halo, m = self.squares(tiles), k // 2, self.m
        (images, rows), columns = chunk, slice(0, self.tile_columns)
        count = (images.stop - images.start, rows.stop - rows.start, self.tile_columns)
        around = tiles.new_empty(m + k - 1, m + k - 1, *count, tiles.shape[-1])
        for from_row, to_row, up in _spans(m, halo):
            for from_column, to_column, left in _spans(m, halo):
                source, target = _neighbours(rows, up, self.tile_rows)
                source_column, target_column = _neighbours(columns, left, self.tile_columns)
                around[to_row, to_column, :, target, target_column] = squares[
                    from_row, from_column, images, source, source_column
                ]
        if rows.start == 0:
            around[:halo, :, :, 0] = 0
        if rows.stop == self.tile_rows:
            around[halo + m :, :, :, -1] = 0
        around[:, :halo, :, :, 0] = 0
        around[:, halo + m :, :, :, -1] = 0
        return around


class Chunk(NamedTuple):
    """Some tiles: whole images, or tile rows of one image."""

    images: slice
    rows: slice


def _spans(m: int, halo: int) -> list[tuple[slice, slice, int]]:
    """Which rows of which neighbour (before: -1) are which rows of a tile with surroundings."""
    return [
        (slice(m - halo, m), slice(0, halo), -1),
        (slice(0, m), slice(halo, halo + m), 0),
        (slice(0, halo), slice(halo + m, 2 * halo + m), 1),
    ]


def _neighbours(span: slice, by: int, size: int) -> tuple[slice, slice]:
    """The tiles ``by`` further on that exist, and where in ``span`` they belong."""
    first, last = max(0, span.start + by), min(size, span.stop + by)
    return slice(first, last), slice(first - by - span.start, last - by - span.start)
