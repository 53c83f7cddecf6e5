"""Winograd's minimal filtering: a convolution as products of few points, and the way there.

An output tile of m x m needs an input tile of n x n, n = m + k - 1. Both tile and kernel are
evaluated as polynomials at n points a side; there the convolution is a product per point; back from
the points come m x m sums (Winograd 1980; Lavin and Gray, CVPR 2016, F(m x m, k x k)). A value of
the output costs (n / m)^2 multiplications in place of k^2: 4 for F(4, 5) in place of 25.

A tile is (m * m, tiles, channels): the place in it comes first, channels last; the same tile at the
points is (n * n, tiles, channels).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

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

    @cached_property
    def matrices(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A, G and B of F(m, k): exact fractions take milliseconds, and there are many kernels."""
        return matrices(self.m, self.k)

    def kernels(self, weight: Tensor) -> Tensor:
        """Kernels (out, in, k, k) at the points, (n * n, in, out); transformed in float64."""
        G = torch.from_numpy(self.matrices[1])
        points = torch.einsum("uk,oikl,vl->uvio", G, weight.double().cpu(), G)
        return points.flatten(0, 1).to(weight.device, torch.float32).contiguous()
