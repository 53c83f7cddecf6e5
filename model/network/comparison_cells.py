"""The relatives MIM is compared with: ConvLSTM, PredRNN's memory-only cell, PredRNN++, MIM*.

Sources: Shi et al., "Convolutional LSTM Network", NeurIPS 2015; Wang et al., "PredRNN",
NeurIPS 2017; Wang et al., "PredRNN++", ICML 2018; Wang et al., "Memory In Memory", CVPR 2019.
Letters and shapes are those of :mod:`echocast.model.network.cells`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from echocast.model.network.cells import NonStationaryModule, StationaryModule
from echocast.model.network.gates import GateConfig, Gates, LayerInput, LayerState, gated_update


class ConvLSTM(nn.Module):
    """ConvLSTM without peepholes, Shi et al. equation (3); M passes by untouched.

    Args:
        inputs: Channels of X.
        channels: Channels of H and C.
        gate_config: How gates are computed; without the forget constant, as in the references.
    """

    def __init__(self, inputs: int, channels: int, gate_config: GateConfig) -> None:
        super().__init__()
        self.on_x = Gates(inputs, 4, channels, gate_config, bias=True, remember=(2,))
        self.on_h = Gates(channels, 4, channels, gate_config)

    def forward(self, below: LayerInput, state: LayerState) -> tuple[LayerInput, LayerState]:
        """One step: X_t, (H, C)_{t-1} -> H_t, (H, C)_t."""
        xg, xi, xf, xo = self.on_x(below.H)
        hg, hi, hf, ho = self.on_h(state.H)
        C = gated_update(state.C, xg + hg, xi + hi, xf + hf)
        H = torch.sigmoid(xo + ho) * torch.tanh(C)
        return LayerInput(H, H - state.H, below.M), state._replace(H=H, C=C)


class MemoryOnlyLSTM(nn.Module):
    """PredRNN with the spatiotemporal memory alone, PredRNN equation (3).

    Memory is carried up through the layers and on from the top, and so is H; there is no C. The
    printed peepholes are elementwise; ours have one weight a channel, so that any grid will do.

    Args:
        inputs: Channels of X; 0 above the first layer, which has none.
        channels: Channels of H and M.
        gate_config: How gates are computed.
    """

    def __init__(self, inputs: int, channels: int, gate_config: GateConfig) -> None:
        super().__init__()
        self.forget_constant = gate_config.forget_constant
        self.on_h = Gates(channels, 4, channels, gate_config, bias=True, remember=(2,))
        self.on_x = Gates(inputs, 4, channels, gate_config) if inputs else None
        self.peep_i = nn.Parameter(torch.zeros(channels, 1, 1))
        self.peep_f = nn.Parameter(torch.zeros(channels, 1, 1))
        self.peep_o = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, below: LayerInput, state: LayerState) -> tuple[LayerInput, LayerState]:
        """One step. The first layer's state.H is H of the top layer at t-1."""
        M = below.M
        if self.on_x is None:
            g, i, f, o = self.on_h(below.H)
        else:
            pairs = zip(self.on_x(below.H), self.on_h(state.H), strict=True)
            g, i, f, o = (x + h for x, h in pairs)
        f = f + self.peep_f * M + self.forget_constant
        M = gated_update(M, g, i + self.peep_i * M, f)
        H = torch.sigmoid(o + self.peep_o * M) * torch.tanh(M)
        return LayerInput(H, None, M), state._replace(H=H)


class GradientHighway(nn.Module):
    """Gradient highway unit between two layers, PredRNN++ equation (3): z = s.tanh(..) + (1-s).z.

    Its z is kept as the H of its own layer state.

    Args:
        channels: Channels of H and z.
        gate_config: How gates are computed.
    """

    def __init__(self, channels: int, gate_config: GateConfig) -> None:
        super().__init__()
        self.on_x = Gates(channels, 2, channels, gate_config, bias=True)
        self.on_z = Gates(channels, 2, channels, gate_config)

    def forward(self, below: LayerInput, state: LayerState) -> tuple[LayerInput, LayerState]:
        """One step: (H_t^1, z_{t-1}) -> z_t."""
        xp, xs = self.on_x(below.H)
        zp, zs = self.on_z(state.H)
        s = torch.sigmoid(xs + zs)
        z = s * torch.tanh(xp + zp) + (1 - s) * state.H
        return below._replace(H=z, difference=z - state.H), state._replace(H=z)


class CausalMemory(nn.Module):
    """The second half of a Causal LSTM: M from the new C, and the output, PredRNN++ eqs. (1)-(2).

    M' = f'.tanh(W_mm * M) + i'.g', the output gate is a tanh.

    Args:
        memory_channels: Channels of the incoming M.
        channels: Channels of the outgoing states.
        gate_config: How gates are computed.
    """

    def __init__(self, memory_channels: int, channels: int, gate_config: GateConfig) -> None:
        super().__init__()
        self.forget_constant = gate_config.forget_constant
        self.on_m = Gates(memory_channels, 3, channels, gate_config)
        self.on_new_c = Gates(channels, 4, channels, gate_config)
        self.on_new_m = Gates(channels, 1, channels, gate_config)
        self.one_by_one = nn.Conv2d(2 * channels, channels, 1, bias=False)

    def forward(
        self, primed: tuple[Tensor, Tensor, Tensor], output: Tensor, C: Tensor, M: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(g', i', f' of X), (X and H's part of o), C_t, M_t^{l-1} -> H_t, M_t^l."""
        g, i, f = primed
        mi, mf, mm = self.on_m(M)
        cg, ci, cf, co = self.on_new_c(C)
        M = gated_update(torch.tanh(mm), g + cg, i + mi + ci, f + mf + cf + self.forget_constant)
        (mo,) = self.on_new_m(M)
        view = torch.tanh(self.one_by_one(torch.cat([C, M], 1)))
        return torch.tanh(output + co + mo) * view, M


class CausalLSTM(nn.Module):
    """Causal LSTM: C first, then M from the new C, PredRNN++ equations (1)-(2).

    Args:
        inputs: Channels of X.
        memory_channels: Channels of the incoming M.
        channels: Channels of the states.
        gate_config: How gates are computed.
    """

    def __init__(
        self, inputs: int, memory_channels: int, channels: int, gate_config: GateConfig
    ) -> None:
        super().__init__()
        self.forget_constant = gate_config.forget_constant
        self.on_x = Gates(inputs, 7, channels, gate_config, bias=True, remember=(2, 5))
        self.on_h = Gates(channels, 4, channels, gate_config)
        self.on_c = Gates(channels, 3, channels, gate_config)
        self.memory = CausalMemory(memory_channels, channels, gate_config)

    def forward(self, below: LayerInput, state: LayerState) -> tuple[LayerInput, LayerState]:
        """One step: (X_t, M_t^{l-1}), (H, C)_{t-1} -> (H_t, M_t^l), (H, C)_t."""
        xg, xi, xf, xg2, xi2, xf2, xo = self.on_x(below.H)
        hg, hi, hf, ho = self.on_h(state.H)
        cg, ci, cf = self.on_c(state.C)
        f = xf + hf + cf + self.forget_constant
        C = gated_update(state.C, xg + hg + cg, xi + hi + ci, f)
        H, M = self.memory((xg2, xi2, xf2), xo + ho, C, below.M)
        return LayerInput(H, H - state.H, M), state._replace(H=H, C=C)


class MIMStarBlock(nn.Module):
    """MIM*: a Causal LSTM whose f . C_{t-1} is replaced by T of MIM-N and MIM-S (MIM section 4.1).

    The paper prints no equations for it; as in the authors' cell, C_{t-1} reaches the gates through
    MIM-S alone.

    Args:
        channels: Channels of every state.
        gate_config: How gates are computed.
    """

    def __init__(self, channels: int, gate_config: GateConfig) -> None:
        super().__init__()
        self.non_stationary = NonStationaryModule(channels, gate_config)
        self.stationary = StationaryModule(channels, gate_config)
        self.on_x = Gates(channels, 6, channels, gate_config, bias=True, remember=(4,))
        self.on_h = Gates(channels, 3, channels, gate_config)
        self.memory = CausalMemory(channels, channels, gate_config)

    def forward(self, below: LayerInput, state: LayerState) -> tuple[LayerInput, LayerState]:
        """One step: (H_t^{l-1}, its difference, M_t^{l-1}), state_{t-1} -> (H, M)_t, state_t."""
        H, C, N, S, _ = state
        xg, xi, xg2, xi2, xf2, xo = self.on_x(below.H)
        hg, hi, ho = self.on_h(H)
        D, N = self.non_stationary(below.difference, N)
        T, S = self.stationary(D, C, S)
        C = T + torch.sigmoid(xi + hi) * torch.tanh(xg + hg)
        H_new, M = self.memory((xg2, xi2, xf2), xo + ho, C, below.M)
        return LayerInput(H_new, H_new - H, M), LayerState(H_new, C, N, S, D)
