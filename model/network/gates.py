"""What all cells are made of: stacked gate convolutions, the gated update, and the states."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

NORM_EPSILON = 1e-5


class GateConfig(NamedTuple):
    """How the gates of a network are computed.

    Args:
        kernel: Side of the convolution kernels, odd.
        bias: Gates have biases (the printed equations do).
        forget_constant: Added to every forget gate before its sigmoid; the public implementations
            add 1, the printed equations nothing.
        norm_grid: (rows, columns) of the joint layer norm of the public implementations, which ties
            a network to that grid; None for no norm.
    """

    kernel: int
    bias: bool = True
    forget_constant: float = 0.0
    norm_grid: tuple[int, int] | None = None


class LayerState(NamedTuple):
    """Memories of one layer between steps; a cell does not change those it does not use.

    H hidden state, C temporal memory, N non-stationary memory, S stationary memory,
    D differential features of the step before (reference equations only).
    """

    H: Tensor
    C: Tensor
    N: Tensor
    S: Tensor
    D: Tensor


class LayerInput(NamedTuple):
    """What rises from a layer to the one above it within a step.

    Args:
        H: Hidden state H_t^{l-1}, or the network's input.
        difference: What the MIM-N above reads; None while there is nothing to difference.
        M: Spatiotemporal memory M_t^{l-1}.
    """

    H: Tensor
    difference: Tensor | None
    M: Tensor


class Gates(nn.Module):
    """One convolution for several gates that read the same tensor.

    Args:
        inputs: Channels read.
        gates: Gates computed.
        channels: Channels of every gate.
        gate_config: Kernel and norm.
        bias: These gates carry the bias (one of the convolutions that add up to a gate does).
        remember: Gates whose bias starts at 1: forget gates that keep the memory at first.
    """

    def __init__(
        self,
        inputs: int,
        gates: int,
        channels: int,
        gate_config: GateConfig,
        *,
        bias: bool = False,
        remember: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.gates = gates
        outputs, k = gates * channels, gate_config.kernel
        self.conv = nn.Conv2d(inputs, outputs, k, padding=k // 2, bias=bias and gate_config.bias)
        self.norm = None
        if gate_config.norm_grid is not None:
            self.norm = nn.LayerNorm([outputs, *gate_config.norm_grid], NORM_EPSILON)
        if self.conv.bias is not None:
            with torch.no_grad():
                self.conv.bias.view(gates, channels)[list(remember)] = 1.0

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The gates before their nonlinearity, each (batch, channels, height, width)."""
        out = self.conv(x)
        if self.norm is not None:
            out = self.norm(out)
        return tuple(out.chunk(self.gates, 1))


def gated_update(memory: Tensor, g: Tensor, i: Tensor, f: Tensor) -> Tensor:
    """The gated update that every memory shares: sigma(f) . memory + sigma(i) . tanh(g).

    Args:
        memory: Memory at t-1.
        g, i, f: Input modulation, input and forget gate before their nonlinearity.

    Returns:
        Memory at t, shaped like ``memory``.
    """
    return torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)


def one_by_one(channels: int) -> nn.Conv2d:
    """W_1x1 on [C, M]: the view of both memories that the output gate lets through."""
    return nn.Conv2d(2 * channels, channels, 1, bias=False)
