"""Replay parity files with the product's own cells: ``python tests/parity.py FILE...``

Prints max|difference| per output, in float64, and exits 1 if one is beyond the bound. A file is a
compressed .npz of weights (``w/``), inputs (``in/``) and outputs (``out/``) with a JSON ``meta``
that names its kind; no pickles are read.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1]))

from echocast.model.network import weight_import as rw
from echocast.model.network.cells import (
    MIMBlock,
    NonStationaryModule,
    SpatiotemporalLSTM,
    StationaryModule,
)
from echocast.model.network.comparison_cells import CausalLSTM, ConvLSTM, GradientHighway
from echocast.model.network.config import NetworkConfig
from echocast.model.network.gates import GateConfig, LayerInput, LayerState
from echocast.model.network.network import Context, Network
from echocast.model.network.reference_cells import PeepholeMemory, ReferenceMIMBlock
from tests.model.network import symbols

BOUND = 1e-6

Arrays = Mapping[str, Tensor]
Outputs = Iterator[tuple[str, Tensor, Tensor]]  # name, ours, theirs


def load(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Meta and arrays of a file, the arrays in float64."""
    with np.load(path, allow_pickle=False) as file:
        meta = json.loads(str(file["meta"]))
        arrays = {k: torch.as_tensor(file[k]).double() for k in file.files if k != "meta"}
    return meta, arrays


def gate_config(meta: Mapping[str, Any]) -> GateConfig:
    """How the gates of a reference file are computed."""
    grid = (meta["grid"],) * 2 if isinstance(meta["grid"], int) else tuple(meta["grid"])
    norm = grid if meta["layer_norm"] else None
    return GateConfig(meta["filter"], False, meta.get("forget_bias", 1.0), norm)


def grid_of(arrays: Arrays) -> tuple[int, int]:
    """(rows, columns) of the inputs of a cell file."""
    first = next(v for k, v in arrays.items() if "in/" in k)
    return int(first.shape[-2]), int(first.shape[-1])


def meta_gate_config(meta: Mapping[str, Any], arrays: Arrays) -> GateConfig:
    """Style of a cell file; its grid is that of its inputs."""
    return gate_config({**meta, "grid": list(grid_of(arrays))})


def loaded(module: nn.Module, weights: Arrays) -> nn.Module:
    """The module with translated weights."""
    module = module.double()
    module.load_state_dict(dict(weights))
    return module


def state_of(shape_like: Tensor, **memories: Tensor) -> LayerState:
    """A layer state with zero memories but those named."""
    zero = torch.zeros_like(shape_like)
    return LayerState(zero, zero, zero, zero, zero)._replace(**memories)


def cell(module: nn.Module, arrays: Arrays, memory: bool) -> Outputs:
    """One step of an ST-LSTM, Causal LSTM or ConvLSTM: x, h, c(, m) -> h, c(, m)."""
    x, h, c = (arrays[f"in/{name}"] for name in "xhc")
    m = arrays["in/m"] if memory else h
    above, state = module(LayerInput(x, None, m), state_of(h, H=h, C=c))
    yield "h", state.H, arrays["out/h"]
    yield "c", state.C, arrays["out/c"]
    if memory:
        yield "m", above.M, arrays["out/m"]


def st_lstm(meta: Mapping[str, Any], arrays: Arrays) -> Outputs:
    module = SpatiotemporalLSTM(meta["in_channels"], meta["hidden"], meta_gate_config(meta, arrays))
    return cell(loaded(module, rw.renamed(rw.below(arrays, "w/"), rw.ST_LSTM)), arrays, True)


def causal(meta: Mapping[str, Any], arrays: Arrays) -> Outputs:
    C = meta["hidden"]
    module = CausalLSTM(meta["in_channels"], C, C, meta_gate_config(meta, arrays))
    return cell(loaded(module, rw.renamed(rw.below(arrays, "w/"), rw.CAUSAL_LSTM)), arrays, True)


def convlstm(meta: Mapping[str, Any], arrays: Arrays) -> Outputs:
    module = ConvLSTM(meta["in_channels"], meta["hidden"], meta_gate_config(meta, arrays))
    return cell(loaded(module, rw.renamed(rw.below(arrays, "w/"), rw.CONV_LSTM)), arrays, False)


def highway(meta: Mapping[str, Any], arrays: Arrays) -> Outputs:
    module = GradientHighway(meta["hidden"], meta_gate_config(meta, arrays))
    module = loaded(module, rw.renamed(rw.below(arrays, "w/"), rw.HIGHWAY))
    x, z = arrays["in/x"], arrays["in/z"]
    above, _ = module(LayerInput(x, None, x), state_of(z, H=z))
    yield "z", above.H, arrays["out/z"]


def mim_n(meta: Mapping[str, Any], arrays: Arrays) -> Outputs:
    module = PeepholeMemory(meta["hidden"], meta_gate_config(meta, arrays), grid_of(arrays))
    module = loaded(module, dict(rw.peephole_memory(rw.below(arrays, "w/"), "")))
    D = N = torch.zeros_like(arrays["out/D_0"])
    for t in range(meta["steps"]):
        D, N = module(arrays[f"in/diff_{t}"], D, N)
        yield f"D_{t}", D, arrays[f"out/D_{t}"]
        yield f"N_{t}", N, arrays[f"out/N_{t}"]


def mim_block(meta: Mapping[str, Any], arrays: Arrays) -> Outputs:
    C, grid = meta["hidden"], grid_of(rw.below(arrays, "block/"))
    module = ReferenceMIMBlock(C, meta_gate_config(meta, rw.below(arrays, "block/")), grid)
    weights = dict(rw.block(rw.below(arrays, "w/"), ""))
    module.double().load_state_dict(weights, strict=False)  # MIM-N is not in this file
    mims = rw.below(arrays, "mims/")
    T, S = module.stationary(mims["in/D"], mims["in/C"], mims["in/S"])
    yield "mims T", T, mims["out/T"]
    yield "mims S", S, mims["out/S"]
    steps = rw.below(arrays, "block/")
    state = state_of(steps["in/D_0"])
    for t in range(meta["steps"]):
        below = LayerInput(steps[f"in/x_{t}"], None, steps[f"in/m_{t}"])
        above, state = module.given_differential(below, steps[f"in/D_{t}"], state)
        ours = {"h": state.H, "c": state.C, "S": state.S, "m": above.M}
        for letter, value in ours.items():
            yield f"{letter}_{t}", value, steps[f"out/{letter}_{t}"]


FAMILY_OF_KIND = {
    "MIM_Model": "mim",
    "PredRNN_Model": "predrnn",
    "PredRNNpp_Model": "predrnn_plus",
    "ConvLSTM_Model": "convlstm",
}


def reference_network(meta: Mapping[str, Any], arrays: Arrays) -> Outputs:
    """A whole network, free-running or with scheduled sampling of either kind."""
    weights = rw.below(arrays, "w/")
    config = rw.infer_config(weights, FAMILY_OF_KIND[meta["kind"]], meta["patch"])
    network = loaded(Network(config), rw.translate(weights, config))
    frames = arrays["in/frames"].permute(0, 1, 4, 2, 3)
    batch, length = frames.shape[:2]
    mask = arrays["in/mask"].flatten(1)[:, : length - 2 if meta["rss"] else meta["aft"] - 1]
    always = 1 if meta["rss"] else meta["pre"]
    share = torch.cat([mask.new_ones(batch, always), mask], 1)
    predicted = free_roll_out(network, frames[:, : length - 1], share)
    theirs = arrays["out/frames"].permute(0, 1, 4, 2, 3)
    yield "frames", predicted, theirs
    error = (predicted - frames[:, 1:]).square().mean()
    yield "mse", error, arrays["out/mse"]


def free_roll_out(network: nn.Module, frames: Tensor, share: Tensor) -> Tensor:
    """All predictions, (batch, time, channel, height, width)."""
    assert isinstance(network, Network)
    context = Context(*frames.new_ones(2, len(frames)))
    bases = [frames[:, 0]] * frames.shape[1]
    rolled = network.roll_out(frames, bases, frames, context, truth_share=share)
    return torch.stack([prediction.frame for prediction in rolled], 1)


def paper_cell(meta: Mapping[str, Any], arrays: Arrays) -> Outputs:
    """ST-LSTM of the supplement's equation (1)."""
    w = rw.below(arrays, "w/")
    channels, inputs, kernel, _ = w["Wxg"].shape
    module = SpatiotemporalLSTM(inputs, channels, GateConfig(kernel)).double()
    symbols.fill(module, symbols.ST_LSTM, w)
    return cell(module, arrays, True)


def paper_mim_n(meta: Mapping[str, Any], arrays: Arrays) -> Outputs:
    w = rw.below(arrays, "w/")
    module = NonStationaryModule(w["Wxg"].shape[0], GateConfig(w["Wxg"].shape[-1])).double()
    symbols.fill(module, symbols.MIM_N, w)
    D, N = module(arrays["in/diff"], arrays["in/N"])
    yield "D", D, arrays["out/D"]
    yield "N", N, arrays["out/N"]


def paper_mim_s(meta: Mapping[str, Any], arrays: Arrays) -> Outputs:
    w = rw.below(arrays, "w/")
    module = StationaryModule(w["Wdg"].shape[0], GateConfig(w["Wdg"].shape[-1])).double()
    symbols.fill(module, symbols.MIM_S, w)
    T, S = module(*(arrays[f"in/{name}"] for name in "DCS"))
    yield "T", T, arrays["out/T"]
    yield "S", S, arrays["out/S"]


def fill_block(module: nn.Module, weights: Arrays) -> None:
    """Weights b/ (block), n/ (MIM-N) and s/ (MIM-S) into a paper block."""
    symbols.fill(module, symbols.BLOCK, rw.below(weights, "b/"))
    symbols.fill(module.non_stationary, symbols.MIM_N, rw.below(weights, "n/"))
    symbols.fill(module.stationary, symbols.MIM_S, rw.below(weights, "s/"))


def paper_block(meta: Mapping[str, Any], arrays: Arrays) -> Outputs:
    w = rw.below(arrays, "w/")
    channels, _, kernel, _ = w["b/Wxg"].shape
    module = MIMBlock(channels, GateConfig(kernel)).double()
    fill_block(module, w)
    state, before = state_of(arrays["in/x_0"]), torch.zeros_like(arrays["in/x_0"])
    for t in range(meta["steps"]):
        X, M = arrays[f"in/x_{t}"], arrays[f"in/m_{t}"]
        above, state = module(LayerInput(X, X - before, M), state)
        before = X
        ours = {**dict(zip("hcNSD", state, strict=True)), "m": above.M}
        for letter, value in ours.items():
            yield f"{letter}_{t}", value, arrays[f"out/{letter}_{t}"]


def paper_network(meta: Mapping[str, Any], arrays: Arrays) -> Outputs:
    """A whole network on patches: a patch of 1 pixel with as many image channels."""
    w, frames = rw.below(arrays, "w/"), arrays["in/frames"]
    channels, planes, kernel, _ = w["0/Wxg"].shape
    layers = len({name.split("/")[0] for name in w} - {"out"})
    config = NetworkConfig(
        layers=layers, hidden_channels=channels, kernel=kernel, patch=1, image_channels=planes
    )
    network = Network(config).double()
    symbols.fill(network.layers[0], symbols.ST_LSTM, rw.below(w, "0/"))
    for layer in range(1, layers):
        fill_block(network.layers[layer], rw.below(w, f"{layer}/"))
    with torch.no_grad():
        network.head.weight.copy_(w["out"])
    theirs = arrays["out/frames"]
    context = Context(*frames.new_ones(2, len(frames)))
    rolled = network.roll_out(frames, [frames[:, 0]] * theirs.shape[1], frames, context)
    yield "frames", torch.stack([prediction.frame for prediction in rolled], 1), theirs


REPLAYS = {
    "stlstm_cell": st_lstm,
    "causal_cell": causal,
    "convlstm_cell": convlstm,
    "ghu": highway,
    "mimn": mim_n,
    "mimblock": mim_block,
    **dict.fromkeys(FAMILY_OF_KIND, reference_network),
    "paper_stlstm": paper_cell,
    "paper_mimn": paper_mim_n,
    "paper_mims": paper_mim_s,
    "paper_mimblock": paper_block,
    "paper_mimnet": paper_network,
}


@torch.no_grad()
def replay(path: Path) -> dict[str, float]:
    """Largest absolute difference of every output of a file."""
    meta, arrays = load(path)
    outputs = REPLAYS[meta["kind"]](meta, arrays)
    return {name: float((ours - theirs).abs().max()) for name, ours, theirs in outputs}


def main(paths: list[str]) -> int:
    """Replay files; 0 if all lie within the bound."""
    worst = 0.0
    for path in paths:
        for name, difference in replay(Path(path)).items():
            verdict = "ok" if difference <= BOUND else "BEYOND THE BOUND"
            print(f"{Path(path).name:32s} {name:10s} {difference:.2e}  {verdict}")
            worst = max(worst, difference if difference == difference else float("inf"))
    print(f"largest difference {worst:.2e}, bound {BOUND:.0e}")
    return int(not paths or worst > BOUND)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
