"""The network families: which layers stand on each other. One table, no copies of a network.

| family | layers, bottom to top |
|---|---|
| mim | ST-LSTM, then MIM blocks |
| mim_star | Causal LSTM, then Causal LSTM blocks with MIM-N and MIM-S inside |
| mim_without_n, mim_without_s | mim with one of its modules taken out (the paper's Table 3) |
| predrnn | ST-LSTMs |
| predrnn_memory | LSTMs with the spatiotemporal memory alone |
| predrnn_plus | Causal LSTM, gradient highway unit, then Causal LSTMs |
| convlstm | ConvLSTMs |
| control | convolutions without a memory |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from echocast.model.network import convolutional
from echocast.model.network.cells import MIMBlock, SpatiotemporalLSTM
from echocast.model.network.comparison_cells import (
    CausalLSTM,
    ConvLSTM,
    GradientHighway,
    MemoryOnlyLSTM,
    MIMStarBlock,
)
from echocast.model.network.config import NetworkConfig
from echocast.model.network.gates import GateConfig
from echocast.model.network.reference_cells import ReferenceMIMBlock

Builder = Callable[[NetworkConfig, int, GateConfig], list[nn.Module]]


def build_layers(config: NetworkConfig, inputs: int) -> list[nn.Module]:
    """The layers of a network, bottom to top.

    Args:
        config: What the network is.
        inputs: Channels of the first layer's X.
    """
    gate_config = GateConfig(config.kernel)
    if config.equations == "reference":
        norm_grid = config.grid if config.layer_norm else None
        gate_config = GateConfig(
            config.kernel, bias=False, forget_constant=1.0, norm_grid=norm_grid
        )
    return BUILDERS[config.family](config, inputs, gate_config)


def _mim(config: NetworkConfig, inputs: int, gate_config: GateConfig) -> list[nn.Module]:
    C, *others = config.widths
    first: nn.Module = SpatiotemporalLSTM(inputs, C, gate_config)
    if config.equations == "reference":
        assert config.grid is not None
        return [first, *(ReferenceMIMBlock(C, gate_config, config.grid) for _ in others)]
    without = config.family.removeprefix("mim").removeprefix("_without_")
    return [first, *(MIMBlock(C, gate_config, without=without) for _ in others)]


def _mim_star(config: NetworkConfig, inputs: int, gate_config: GateConfig) -> list[nn.Module]:
    C, *others = config.widths
    return [CausalLSTM(inputs, C, C, gate_config), *(MIMStarBlock(C, gate_config) for _ in others)]


def _predrnn(config: NetworkConfig, inputs: int, gate_config: GateConfig) -> list[nn.Module]:
    C = config.widths[0]
    return [SpatiotemporalLSTM(X, C, gate_config) for X in (inputs, *config.widths[1:])]


def _predrnn_memory(config: NetworkConfig, inputs: int, gate_config: GateConfig) -> list[nn.Module]:
    C, *others = config.widths
    return [MemoryOnlyLSTM(X, C, gate_config) for X in (inputs, *(0 for _ in others))]


def _predrnn_plus(config: NetworkConfig, inputs: int, gate_config: GateConfig) -> list[nn.Module]:
    widths = config.widths
    reads, memories = (inputs, *widths[:-1]), (widths[-1], *widths[:-1])
    first, *others = (
        CausalLSTM(X, M, C, gate_config) for X, M, C in zip(reads, memories, widths, strict=True)
    )
    return [first, GradientHighway(widths[0], gate_config), *others]


def _convlstm(config: NetworkConfig, inputs: int, gate_config: GateConfig) -> list[nn.Module]:
    reads = (inputs, *config.widths[:-1])
    return [ConvLSTM(X, C, gate_config) for X, C in zip(reads, config.widths, strict=True)]


def _control(config: NetworkConfig, inputs: int, gate_config: GateConfig) -> list[nn.Module]:
    return convolutional.layers(inputs, config.widths, gate_config.kernel)


BUILDERS: Mapping[str, Builder] = {
    "mim": _mim,
    "mim_star": _mim_star,
    "mim_without_n": _mim,
    "mim_without_s": _mim,
    "predrnn": _predrnn,
    "predrnn_memory": _predrnn_memory,
    "predrnn_plus": _predrnn_plus,
    "convlstm": _convlstm,
    "control": _control,
}
