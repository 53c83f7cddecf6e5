"""The MIM block as the public implementations compute it, where that differs from the print.

It exists so that published weights and numbers can be reproduced. Against the printed equations:
MIM-N and MIM-S are one peephole ConvLSTM with position-dependent peepholes, which ties a network
to one grid; i and i' share their kernels on x, as do g and g'; the output gate reads the incoming
M; a constant 1 is added to forget gates; MIM-N is not run at the first step, and above the second
layer it reads D of the layer below instead of a difference.

Unlike those implementations, S starts at zero in every sequence and nothing is detached.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from echocast.model.network.gates import (
    GateConfig,
    Gates,
    LayerInput,
    LayerState,
    gated_update,
    one_by_one,
)


class PeepholeMemory(nn.Module):
    """MIM-N or MIM-S of the reference: a ConvLSTM that peeps at its memory, element by element.

    Args:
        channels: Channels of every state.
        gate_config: How gates are computed.
        grid: (rows, columns) the peepholes belong to.
    """

    def __init__(self, channels: int, gate_config: GateConfig, grid: tuple[int, int]) -> None:
        super().__init__()
        self.forget_constant = gate_config.forget_constant
        self.on_x = Gates(channels, 4, channels, gate_config)
        self.on_h = Gates(channels, 4, channels, gate_config)
        self.peep_i = nn.Parameter(torch.zeros(channels, *grid))
        self.peep_f = nn.Parameter(torch.zeros(channels, *grid))
        self.peep_o = nn.Parameter(torch.zeros(channels, *grid))

    def forward(self, x: Tensor, h: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """One step: MIM-N with (difference, D, N)_{t-1}, MIM-S with (D_t, C_{t-1}, S_{t-1})."""
        xg, xi, xf, xo = self.on_x(x)
        hg, hi, hf, ho = self.on_h(h)
        i = xi + hi + self.peep_i * memory
        f = xf + hf + self.peep_f * memory + self.forget_constant
        memory = gated_update(memory, xg + hg, i, f)
        o = torch.sigmoid(xo + ho + self.peep_o * memory)
        return o * torch.tanh(memory), memory


class ReferenceMIMBlock(nn.Module):
    """MIM block of the public implementations.

    Args:
        channels: Channels of every state.
        gate_config: How gates are computed.
        grid: (rows, columns) in patches.
    """

    def __init__(self, channels: int, gate_config: GateConfig, grid: tuple[int, int]) -> None:
        super().__init__()
        self.forget_constant = gate_config.forget_constant
        self.non_stationary = PeepholeMemory(channels, gate_config, grid)
        self.stationary = PeepholeMemory(channels, gate_config, grid)
        self.on_x = Gates(channels, 4, channels, gate_config)
        self.on_h = Gates(channels, 3, channels, gate_config)
        self.on_m = Gates(channels, 4, channels, gate_config)
        self.one_by_one = one_by_one(channels)

    def forward(self, below: LayerInput, state: LayerState) -> tuple[LayerInput, LayerState]:
        """One step; while there is nothing to difference, D and N stay as they are."""
        D, N = state.D, state.N
        if below.difference is not None:
            D, N = self.non_stationary(below.difference, D, N)
        return self.given_differential(below, D, state._replace(N=N))

    def given_differential(
        self, below: LayerInput, D: Tensor, state: LayerState
    ) -> tuple[LayerInput, LayerState]:
        """The rest of the step, once MIM-N has said D."""
        X, _, M = below
        H, C, N, S, _ = state
        xg, xi, xf, xo = self.on_x(X)
        hg, hi, ho = self.on_h(H)
        mg, mi, mf, mo = self.on_m(M)
        T, S = self.stationary(D, C, S)
        C = T + torch.sigmoid(xi + hi) * torch.tanh(xg + hg)
        M = gated_update(M, xg + mg, xi + mi, xf + mf + self.forget_constant)
        view = torch.tanh(self.one_by_one(torch.cat([C, M], 1)))
        H = torch.sigmoid(xo + ho + mo) * view
        return LayerInput(H, D, M), LayerState(H, C, N, S, D)
