"""The recurrent cells of Memory In Memory, as the papers print them.

Letters are the papers': X input, H hidden state, C temporal memory, M spatiotemporal memory,
N non-stationary memory, S stationary memory, D differential features, T what passes the forget
path. A trailing 2 stands for a prime (g2 = g'). ``*`` is a convolution, and all convolutions that
read the same tensor are stacked into one. A cell owns parameters only: state comes in, state
goes out.

Sources: Wang et al., "Memory In Memory", CVPR 2019, equations (1)-(4) and the supplement's
equation (1), which is the ST-LSTM of PredRNN (NeurIPS 2017).

All tensors are (batch, channel, height, width) in patches.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


def renew(memory: Tensor, g: Tensor, i: Tensor, f: Tensor) -> Tensor:
    """The gated update that every memory shares: sigma(f) . memory + sigma(i) . tanh(g).

    Args:
        memory: Memory at t-1.
        g, i, f: Input modulation, input and forget gate before their nonlinearity.

    Returns:
        Memory at t, shaped like ``memory``.
    """
    return torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)


def stacked(
    inputs: int, gates: int, channels: int, kernel: int, *, bias: bool = False
) -> nn.Conv2d:
    """One convolution for ``gates`` gates of ``channels`` channels that read the same tensor."""
    return nn.Conv2d(inputs, gates * channels, kernel, padding=kernel // 2, bias=bias)


class SpatiotemporalLSTM(nn.Module):
    """ST-LSTM: temporal memory C and spatiotemporal memory M, MIM supplement equation (1).

    Args:
        inputs: Channels of X.
        channels: Channels of every state.
        kernel: Side of the kernels.
    """

    def __init__(self, inputs: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.on_x = stacked(inputs, 7, channels, kernel, bias=True)
        self.on_h = stacked(channels, 4, channels, kernel)
        self.on_m = stacked(channels, 3, channels, kernel)
        self.on_cm = stacked(2 * channels, 1, channels, kernel)
        self.one_by_one = stacked(2 * channels, 1, channels, 1)

    def forward(self, X: Tensor, H: Tensor, C: Tensor, M: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One step: (X_t, H_{t-1}, C_{t-1}, M_t^{l-1}) -> (H_t, C_t, M_t)."""
        xg, xi, xf, xg2, xi2, xf2, xo = self.on_x(X).chunk(7, 1)
        hg, hi, hf, ho = self.on_h(H).chunk(4, 1)
        mg, mi, mf = self.on_m(M).chunk(3, 1)
        C = renew(C, xg + hg, xi + hi, xf + hf)
        M = renew(M, xg2 + mg, xi2 + mi, xf2 + mf)
        CM = torch.cat([C, M], 1)
        o = torch.sigmoid(xo + ho + self.on_cm(CM))
        return o * torch.tanh(self.one_by_one(CM)), C, M


class NonStationaryModule(nn.Module):
    """MIM-N: differential features D from the change of H, MIM equation (2)."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.on_difference = stacked(channels, 4, channels, kernel, bias=True)
        self.on_n = stacked(channels, 3, channels, kernel)
        self.on_new_n = stacked(channels, 1, channels, kernel)

    def forward(self, difference: Tensor, N: Tensor) -> tuple[Tensor, Tensor]:
        """One step: (H_t^{l-1} - H_{t-1}^{l-1}, N_{t-1}) -> (D_t, N_t)."""
        xg, xi, xf, xo = self.on_difference(difference).chunk(4, 1)
        ng, ni, nf = self.on_n(N).chunk(3, 1)
        N = renew(N, xg + ng, xi + ni, xf + nf)
        o = torch.sigmoid(xo + self.on_new_n(N))
        return o * torch.tanh(N), N


class StationaryModule(nn.Module):
    """MIM-S: what of the old memory C to keep, given D, MIM equation (3)."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.on_d = stacked(channels, 4, channels, kernel, bias=True)
        self.on_c = stacked(channels, 4, channels, kernel)
        self.on_new_s = stacked(channels, 1, channels, kernel)

    def forward(self, D: Tensor, C: Tensor, S: Tensor) -> tuple[Tensor, Tensor]:
        """One step: (D_t, C_{t-1}, S_{t-1}) -> (T_t, S_t)."""
        dg, di, df, do = self.on_d(D).chunk(4, 1)
        cg, ci, cf, co = self.on_c(C).chunk(4, 1)
        S = renew(S, dg + cg, di + ci, df + cf)
        o = torch.sigmoid(do + co + self.on_new_s(S))
        return o * torch.tanh(S), S


class LayerState(NamedTuple):
    """What one layer remembers between steps; an ST-LSTM leaves N and S as they came."""

    H: Tensor
    C: Tensor
    N: Tensor
    S: Tensor


class MIMBlock(nn.Module):
    """MIM block: an ST-LSTM whose forget gate is MIM-N and MIM-S in cascade, MIM equation (1).

    The printed line of i' names W_mf for the memory kernel; we read W_mi, as in the supplement.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.non_stationary = NonStationaryModule(channels, kernel)
        self.stationary = StationaryModule(channels, kernel)
        self.on_x = stacked(channels, 6, channels, kernel, bias=True)
        self.on_h = stacked(channels, 3, channels, kernel)
        self.on_m = stacked(channels, 3, channels, kernel)
        self.on_cm = stacked(2 * channels, 1, channels, kernel)
        self.one_by_one = stacked(2 * channels, 1, channels, 1)

    def forward(
        self, X: Tensor, X_before: Tensor, state: LayerState, M: Tensor
    ) -> tuple[LayerState, Tensor]:
        """One step: (H_t^{l-1}, H_{t-1}^{l-1}, state_{t-1}, M_t^{l-1}) -> (state_t, M_t^l)."""
        H, C, N, S = state
        xg, xi, xg2, xi2, xf2, xo = self.on_x(X).chunk(6, 1)
        hg, hi, ho = self.on_h(H).chunk(3, 1)
        mg, mi, mf = self.on_m(M).chunk(3, 1)
        D, N = self.non_stationary(X - X_before, N)
        T, S = self.stationary(D, C, S)
        C = T + torch.sigmoid(xi + hi) * torch.tanh(xg + hg)
        M = renew(M, xg2 + mg, xi2 + mi, xf2 + mf)
        CM = torch.cat([C, M], 1)
        o = torch.sigmoid(xo + ho + self.on_cm(CM))
        return LayerState(o * torch.tanh(self.one_by_one(CM)), C, N, S), M
