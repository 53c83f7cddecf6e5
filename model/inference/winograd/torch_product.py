"""Sums of convolutions over the same sources, as one product at Winograd's points."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from echocast.model.inference.winograd.schedule import Group
from echocast.model.inference.winograd.trace import Symbol
from echocast.model.inference.winograd.transforms import Winograd


class Product:
    """A group of sums, ready to run.

    Args:
        group: Sums over the same sources.
        winograd: None for kernels of one by one.
    """

    def __init__(self, group: Group, winograd: Winograd | None) -> None:
        self.group = group
        self.winograd = winograd
        self.sources = tuple(dict.fromkeys(group.sums[0].sources))
        channels = [sum_.gate.channels for sum_ in group.sums]
        bounds = [0, *torch.tensor(channels).cumsum(0).tolist()]
        self.columns = {
            sum_.gate: slice(a, b)
            for sum_, a, b in zip(group.sums, bounds, bounds[1:], strict=False)
        }
        self.width = bounds[-1]
        self.doubled = bounds[group.hyperbolic] if group.nonlinear else 0
        scale = torch.ones(self.width)
        scale[: self.doubled] = 2  # tanh(x) = 2 sigmoid(2x) - 1
        self.bias = torch.cat([sum_.bias for sum_ in group.sums]) * scale
        self._back = winograd.back() if winograd else None
        self._scale = scale
        self.weights = [self._weights(source, scale) for source in self.sources]

    def _weights(self, source: Symbol, scale: Tensor) -> Tensor:
        """(points, in, out) of all sums for one source."""
        parts = [
            torch.stack([w for s, w in sum_.terms if s is source]).sum(0)
            for sum_ in self.group.sums
        ]
        weight = torch.cat(parts) * scale[:, None, None, None]
        if self.winograd is None:
            return weight[:, :, 0, 0].T.contiguous().float()
        return self.winograd.kernels(weight)

    def scale_of(self, gate: Symbol) -> float:
        """Of whatever is added to a gate."""
        return float(self._scale[self.columns[gate].start])

    def of_tiles(self, tiles: Sequence[Tensor]) -> Tensor:
        """All gates from sources (m * m, tiles, channels), for kernels of one by one."""
        gates = self.bias
        for source, weight in zip(tiles, self.weights, strict=True):
            gates = gates + source @ weight
        return gates

    def of_spectra(self, spectra: Sequence[Tensor], total: Tensor) -> Tensor:
        """All gates from sources at the points, (n * n, tiles, channels), by way of ``total``."""
        assert self.winograd is not None
        assert self._back is not None
        torch.bmm(spectra[0], self.weights[0], out=total)
        for source, weight in zip(spectra[1:], self.weights[1:], strict=True):
            total.baddbmm_(source, weight)
        total[self.winograd.n + 1] += self.bias  # the point (1, 1) weighs 1 in every output
        gates = torch.mm(self._back, total.view(len(total), -1))
        return gates.view(len(gates), -1, self.width)

    def activate(self, gates: Tensor) -> None:
        """Sigmoid or tanh in place, where every gate is followed by one."""
        if self.group.nonlinear:
            gates.sigmoid_()
            gates[..., : self.doubled].mul_(2).sub_(1)
