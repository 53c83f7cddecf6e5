"""The recurrent cells of Memory In Memory, as the papers print them.

Letters are the papers': X input, H hidden state, C temporal memory, M spatiotemporal memory,
N non-stationary memory, S stationary memory, D differential features, T what passes the forget
path. A trailing 2 stands for a prime (g2 = g'). All convolutions that read the same tensor are
stacked into one. A cell owns parameters only: state comes in, state goes out.

Sources: Wang et al., "Memory In Memory", CVPR 2019, equations (1)-(4) and the supplement's
equation (1), which is the ST-LSTM of PredRNN (NeurIPS 2017), equation (4).

All tensors are (batch, channel, height, width) in patches.
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


class SpatiotemporalLSTM(nn.Module):
    """ST-LSTM: temporal memory C and spatiotemporal memory M, MIM supplement equation (1).

    Args:
        inputs: Channels of X.
        channels: Channels of every state.
        gate_config: How gates are computed.
    """

    def __init__(self, inputs: int, channels: int, gate_config: GateConfig) -> None:
        super().__init__()
        self.forget_constant = gate_config.forget_constant
        self.on_x = Gates(inputs, 7, channels, gate_config, bias=True, remember=(2, 5))
        self.on_h = Gates(channels, 4, channels, gate_config)
        self.on_m = Gates(channels, 3, channels, gate_config)
        self.on_cm = Gates(2 * channels, 1, channels, gate_config)
        self.one_by_one = one_by_one(channels)

    def forward(self, below: LayerInput, state: LayerState) -> tuple[LayerInput, LayerState]:
        """One step: (X_t, M_t^{l-1}), (H, C)_{t-1} -> (H_t, M_t^l), (H, C)_t."""
        X, _, M = below
        H, C = state.H, state.C
        xg, xi, xf, xg2, xi2, xf2, xo = self.on_x(X)
        hg, hi, hf, ho = self.on_h(H)
        mg, mi, mf = self.on_m(M)
        C = gated_update(C, xg + hg, xi + hi, xf + hf + self.forget_constant)
        M = gated_update(M, xg2 + mg, xi2 + mi, xf2 + mf + self.forget_constant)
        CM = torch.cat([C, M], 1)
        (cmo,) = self.on_cm(CM)
        H_new = torch.sigmoid(xo + ho + cmo) * torch.tanh(self.one_by_one(CM))
        return LayerInput(H_new, H_new - H, M), state._replace(H=H_new, C=C)


class NonStationaryModule(nn.Module):
    """MIM-N: differential features D from the change of H, MIM equation (2)."""

    def __init__(self, channels: int, gate_config: GateConfig) -> None:
        super().__init__()
        self.on_difference = Gates(channels, 4, channels, gate_config, bias=True, remember=(2,))
        self.on_n = Gates(channels, 3, channels, gate_config)
        self.on_new_n = Gates(channels, 1, channels, gate_config)

    def forward(self, difference: Tensor, N: Tensor) -> tuple[Tensor, Tensor]:
        """One step: (H_t^{l-1} - H_{t-1}^{l-1}, N_{t-1}) -> (D_t, N_t)."""
        xg, xi, xf, xo = self.on_difference(difference)
        ng, ni, nf = self.on_n(N)
        N = gated_update(N, xg + ng, xi + ni, xf + nf)
        (no,) = self.on_new_n(N)
        return torch.sigmoid(xo + no) * torch.tanh(N), N


class StationaryModule(nn.Module):
    """MIM-S: what of the old memory C to keep, given D, MIM equation (3)."""

    def __init__(self, channels: int, gate_config: GateConfig) -> None:
        super().__init__()
        self.on_d = Gates(channels, 4, channels, gate_config, bias=True, remember=(2,))
        self.on_c = Gates(channels, 4, channels, gate_config)
        self.on_new_s = Gates(channels, 1, channels, gate_config)

    def forward(self, D: Tensor, C: Tensor, S: Tensor) -> tuple[Tensor, Tensor]:
        """One step: (D_t, C_{t-1}, S_{t-1}) -> (T_t, S_t)."""
        dg, di, df, do = self.on_d(D)
        cg, ci, cf, co = self.on_c(C)
        S = gated_update(S, dg + cg, di + ci, df + cf)
        (so,) = self.on_new_s(S)
        return torch.sigmoid(do + co + so) * torch.tanh(S), S


class DifferentialForget(nn.Module):
    """Stands in for MIM-S in the ablation without it: T = sigma(W_df * D + b_f) . C.

    The paper does not print this ablation (Table 3); this is our reading: a plain forget gate that
    the differential features open and close.
    """

    def __init__(self, channels: int, gate_config: GateConfig) -> None:
        super().__init__()
        self.on_d = Gates(channels, 1, channels, gate_config, bias=True, remember=(0,))

    def forward(self, D: Tensor, C: Tensor, S: Tensor) -> tuple[Tensor, Tensor]:
        """One step: (D_t, C_{t-1}, S) -> (T_t, S)."""
        (df,) = self.on_d(D)
        return torch.sigmoid(df) * C, S


class RawDifference(nn.Module):
    """Stands in for MIM-N in the ablation without it: D is the raw difference (our reading)."""

    def forward(self, difference: Tensor, N: Tensor) -> tuple[Tensor, Tensor]:
        """One step: (H_t^{l-1} - H_{t-1}^{l-1}, N) -> (D_t, N)."""
        return difference, N


class MIMBlock(nn.Module):
    """MIM block: an ST-LSTM whose forget gate is MIM-N and MIM-S in cascade, MIM equation (1).

    The printed line of i' names W_mf for the memory kernel; we read W_mi, as in the supplement.

    Args:
        channels: Channels of every state.
        gate_config: How gates are computed.
        without: ``n`` or ``s`` for the ablations of the paper's Table 3.
    """

    def __init__(self, channels: int, gate_config: GateConfig, *, without: str = "") -> None:
        super().__init__()
        self.non_stationary = (
            RawDifference() if without == "n" else NonStationaryModule(channels, gate_config)
        )
        self.stationary = (
            DifferentialForget(channels, gate_config)
            if without == "s"
            else StationaryModule(channels, gate_config)
        )
        self.on_x = Gates(channels, 6, channels, gate_config, bias=True, remember=(4,))
        self.on_h = Gates(channels, 3, channels, gate_config)
        self.on_m = Gates(channels, 3, channels, gate_config)
        self.on_cm = Gates(2 * channels, 1, channels, gate_config)
        self.one_by_one = one_by_one(channels)

    def forward(self, below: LayerInput, state: LayerState) -> tuple[LayerInput, LayerState]:
        """One step: (H_t^{l-1}, its difference, M_t^{l-1}), state_{t-1} -> (H, M)_t, state_t."""
        X, difference, M = below
        H, C, N, S, _ = state
        xg, xi, xg2, xi2, xf2, xo = self.on_x(X)
        hg, hi, ho = self.on_h(H)
        mg, mi, mf = self.on_m(M)
        D, N = self.non_stationary(difference, N)
        T, S = self.stationary(D, C, S)
        C = T + torch.sigmoid(xi + hi) * torch.tanh(xg + hg)
        M = gated_update(M, xg2 + mg, xi2 + mi, xf2 + mf)
        CM = torch.cat([C, M], 1)
        (cmo,) = self.on_cm(CM)
        H_new = torch.sigmoid(xo + ho + cmo) * torch.tanh(self.one_by_one(CM))
        return LayerInput(H_new, H_new - H, M), LayerState(H_new, C, N, S, D)
