"""How often a network throws its memory away: the saturation of the forget path, MIM's Figure 6."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from echocast.model.network.cells import SpatiotemporalLSTM
from echocast.model.network.comparison_cells import CausalLSTM, ConvLSTM
from echocast.model.network.network import Network

SATURATED = 0.1
FORGET_GATE = 2  # its place among a cell's gates
ADDING_UP: Mapping[type[nn.Module], tuple[str, ...]] = {  # convolutions whose sum is the gate
    SpatiotemporalLSTM: ("on_x", "on_h"),
    CausalLSTM: ("on_x", "on_h", "on_c"),
    ConvLSTM: ("on_x", "on_h"),
}


def saturated_share(network: Network, inputs: Sequence[Tensor]) -> list[float]:
    """Share of the values of C that a layer all but forgets, of all steps but the first.

    In a MIM block \\|T_t / C_{t-1}\\| < .1, in other layers f_t < .1 (MIM, Figure 6). The first
    step has nothing to forget, and values of C that are 0 do not count.

    Args:
        network: Of the paper's or the reference equations.
        inputs: What each step is given: (batch, planes, height, width) in patches, two or more.

    Returns:
        0 to 1 for each layer, bottom to top; NaN for one without a memory C.
    """
    state = network.initial_state(len(inputs[0]), *inputs[0].shape[2:])
    counts = [torch.zeros(2, dtype=torch.float64) for _ in network.layers]
    with torch.inference_mode():
        for number, patches in enumerate(inputs):
            with _watched(network) as counters:
                _, state = network.step(patches, state)
            if number:
                for count, counter in zip(counts, counters, strict=True):
                    count += counter() if counter else 0
    return [float(saturated / total) if total else float("nan") for saturated, total in counts]


@contextmanager
def _watched(network: Network) -> Iterator[list[Callable[[], Tensor] | None]]:
    """For each layer what counts the step's saturated and all values, once the step was made."""
    hooks: list[Any] = []
    try:
        yield [_watch(layer, hooks) for layer in network.layers]
    finally:
        for hook in hooks:
            hook.remove()


def _watch(layer: nn.Module, hooks: list[Any]) -> Callable[[], Tensor] | None:
    values: list[Tensor] = []
    stationary = getattr(layer, "stationary", None)
    if isinstance(stationary, nn.Module):  # it makes T of C

        def record_ratio(_: nn.Module, given: tuple[Tensor, ...], made: tuple[Tensor, ...]) -> None:
            values.append((made[0] / given[1])[given[1] != 0].abs())

        hooks.append(stationary.register_forward_hook(record_ratio))
        return lambda: _count(values[0])
    if type(layer) not in ADDING_UP:
        return None

    def record_gate(_: nn.Module, __: tuple[Tensor, ...], made: tuple[Tensor, ...]) -> None:
        values.append(made[FORGET_GATE])

    for name in ADDING_UP[type(layer)]:
        hooks.append(getattr(layer, name).register_forward_hook(record_gate))
    constant = float(getattr(layer, "forget_constant", 0.0))
    return lambda: _count(torch.sigmoid(sum(values, start=torch.tensor(constant))))


def _count(shares: Tensor) -> Tensor:
    return torch.tensor([int((shares < SATURATED).sum()), shares.numel()], dtype=torch.float64)
