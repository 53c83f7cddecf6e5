"""Weights of the public PyTorch implementations in our names and gate order.

Their stacked convolutions hold equal blocks of C channels, one a gate; ours too, in another order.
A table entry says which of their tensors becomes which of ours, and which of their blocks is our
first, second, ... Their unused tensors are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from echocast.model.errors import CheckpointError
from echocast.model.network.config import NetworkConfig

Table = Mapping[str, tuple[str, tuple[int, ...]]]  # their convolution -> ours, order of blocks

ST_LSTM: Table = {
    "conv_x": ("on_x", (2, 0, 1, 5, 3, 4, 6)),
    "conv_h": ("on_h", (2, 0, 1, 3)),
    "conv_m": ("on_m", (2, 0, 1)),
    "conv_o": ("on_cm", (0,)),
    "conv_last": ("one_by_one", ()),
}
PEEPHOLE_MEMORY: Table = {
    "conv_x_concat": ("on_x", (1, 0, 2, 3)),
    "conv_h_concat": ("on_h", (1, 0, 2, 3)),
}
MIM_BLOCK: Table = {
    "conv_x_cc": ("on_x", (1, 0, 2, 3)),
    "conv_t_cc": ("on_h", (1, 0, 2)),
    "conv_s_cc": ("on_m", (1, 0, 2, 3)),
    "conv_last": ("one_by_one", ()),
}
CONV_LSTM: Table = {"conv_x": ("on_x", (2, 0, 1, 3)), "conv_h": ("on_h", (2, 0, 1, 3))}
CAUSAL_LSTM: Table = {
    "conv_x": ("on_x", (2, 0, 1, 5, 3, 4, 6)),
    "conv_h": ("on_h", (2, 0, 1, 3)),
    "conv_c": ("on_c", (2, 0, 1)),
    "conv_m": ("memory.on_m", (0, 1, 2)),
    "conv_c2m": ("memory.on_new_c", (1, 0, 2, 3)),
    "conv_om": ("memory.on_new_m", (0,)),
    "conv_last": ("memory.one_by_one", ()),
}
HIGHWAY: Table = {"x_concat": ("on_x", (0, 1)), "z_concat": ("on_z", (0, 1))}

Weights = Mapping[str, Tensor]


def read_state_dict(file: Path) -> dict[str, Tensor]:
    """Tensors of a state dict saved by PyTorch; nothing in the file is executed.

    Args:
        file: Holds a state dict, or a dict with one under ``state_dict``.

    Raises:
        CheckpointError: It holds anything but tensors.
    """
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise CheckpointError(f"{file} is not a plain state dict of tensors: {error}") from None
    if isinstance(loaded, dict):
        loaded = loaded.get("state_dict", loaded)
    if not isinstance(loaded, dict) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise CheckpointError(f"{file} is not a state dict: it holds more than named tensors.")
    return {str(name).removeprefix("module."): value.float() for name, value in loaded.items()}


def translate(theirs: Weights, config: NetworkConfig) -> dict[str, Tensor]:
    """A whole state dict in our names.

    Args:
        theirs: State dict of a public implementation.
        config: The network it belongs to, with ``equations="reference"``.

    Raises:
        CheckpointError: The family has no table, or a tensor is missing.
    """
    parts = dict(_layers(theirs, config))
    if "conv_last.weight" not in theirs:
        raise CheckpointError("The weights have no conv_last.weight for the network's head.")
    return {**parts, "head.weight": theirs["conv_last.weight"], "log_gain": torch.empty(0)}


def _layers(theirs: Weights, config: NetworkConfig) -> Iterator[tuple[str, Tensor]]:
    """Our name and tensor for everything in the layers."""
    for layer in range(config.layers):
        match config.family:
            case "mim" if layer == 0:
                yield from _renamed(theirs, "stlstm_layer.0.", "layers.0.", ST_LSTM)
            case "mim":
                yield from _mim_layer(theirs, layer)
            case "predrnn":
                yield from _renamed(theirs, f"cell_list.{layer}.", f"layers.{layer}.", ST_LSTM)
            case "convlstm":
                yield from _renamed(theirs, f"cell_list.{layer}.", f"layers.{layer}.", CONV_LSTM)
            case "predrnn_plus":
                ours = f"layers.{layer + (layer > 0)}."
                yield from _renamed(theirs, f"cell_list.{layer}.", ours, CAUSAL_LSTM)
            case family:
                raise CheckpointError(f"No public implementation of {family!r} is known.")
    if config.family == "predrnn_plus":
        yield from _renamed(theirs, "gradient_highway.", "layers.1.", HIGHWAY)


def _mim_layer(theirs: Weights, layer: int) -> Iterator[tuple[str, Tensor]]:
    """A MIM block: the block and its MIM-S lie in one module, its MIM-N in another."""
    yield from block(below(theirs, f"stlstm_layer.{layer}."), f"layers.{layer}.")
    difference = below(theirs, f"stlstm_layer_diff.{layer - 1}.")
    yield from peephole_memory(difference, f"layers.{layer}.non_stationary.")


def block(theirs: Weights, ours: str) -> Iterator[tuple[str, Tensor]]:
    """A MIM block with its MIM-S."""
    yield from _renamed(theirs, "", ours, MIM_BLOCK)
    yield from peephole_memory(theirs, ours + "stationary.")


def peephole_memory(theirs: Weights, ours: str) -> Iterator[tuple[str, Tensor]]:
    """A MIM-N or MIM-S: convolutions, and peepholes for i and f in one tensor, for o in another."""
    yield from _renamed(theirs, "", ours, PEEPHOLE_MEMORY)
    peep_i, peep_f = theirs["ct_weight"].chunk(2)
    yield from {
        f"{ours}peep_i": peep_i,
        f"{ours}peep_f": peep_f,
        f"{ours}peep_o": theirs["oc_weight"],
    }.items()


def _renamed(theirs: Weights, prefix: str, ours: str, table: Table) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a table: kernels, and the norms behind them where there are any."""
    for old, (new, order) in table.items():
        if not order:  # a plain 1x1 convolution
            yield f"{ours}{new}.weight", _tensor(theirs, f"{prefix}{old}.weight")
            continue
        kernel = _tensor(theirs, f"{prefix}{old}.0.weight")
        yield f"{ours}{new}.conv.weight", reordered(kernel, order)
        for kind in ("weight", "bias"):
            if f"{prefix}{old}.1.{kind}" in theirs:
                affine = theirs[f"{prefix}{old}.1.{kind}"]
                yield f"{ours}{new}.norm.{kind}", reordered(affine, order)


def renamed(theirs: Weights, table: Table) -> dict[str, Tensor]:
    """The tensors of one cell in our names."""
    return dict(_renamed(theirs, "", "", table))


def reordered(stacked: Tensor, order: tuple[int, ...]) -> Tensor:
    """The blocks of a stacked tensor in another order."""
    blocks = stacked.chunk(len(order))
    return torch.cat([blocks[index] for index in order])


def below(theirs: Weights, prefix: str) -> dict[str, Tensor]:
    """The tensors whose names start with ``prefix``, without it."""
    return {k.removeprefix(prefix): v for k, v in theirs.items() if k.startswith(prefix)}


def _tensor(theirs: Weights, name: str) -> Tensor:
    if name not in theirs:
        raise CheckpointError(f"The weights have no tensor {name!r}.")
    return theirs[name]


def infer_config(theirs: Weights, family: str, patch: int) -> NetworkConfig:
    """The configuration that a state dict of a public implementation was made with.

    Args:
        theirs: The state dict.
        family: Which network it is.
        patch: Side of its patches, which the weights do not tell.

    Raises:
        CheckpointError: The names are not those of the family.
    """
    stem = "stlstm_layer" if family == "mim" else "cell_list"
    layers = 1 + max((int(k.split(".")[1]) for k in theirs if k.startswith(stem + ".")), default=-1)
    if layers == 0:
        raise CheckpointError(f"The weights have no {stem}: they are not of the family {family!r}.")
    kernels = [
        _tensor(theirs, f"{stem}.{layer}.{_ON_H[family, layer > 0]}.0.weight")
        for layer in range(layers)
    ]
    widths = tuple(kernel.shape[1] for kernel in kernels)
    norm = theirs.get(f"{stem}.0.conv_x.1.weight")
    peephole = theirs.get(f"{stem}.1.ct_weight")
    tied = norm if norm is not None else peephole
    head = _tensor(theirs, "conv_last.weight")
    return NetworkConfig(
        family=family,
        equations="reference",
        layers=layers,
        hidden_channels=widths[0] if len(set(widths)) == 1 else widths,
        kernel=int(kernels[0].shape[-1]),
        patch=patch,
        layer_norm=norm is not None,
        grid=None if tied is None else (int(tied.shape[-2]), int(tied.shape[-1])),
        image_channels=head.shape[0] // patch**2,
    )


_ON_H = {
    (family, above): "conv_t_cc" if family == "mim" and above else "conv_h"
    for family in ("mim", "predrnn", "predrnn_plus", "convlstm")
    for above in (False, True)
}
