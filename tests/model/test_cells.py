"""The cells compute the printed equations, literally."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from model.cells import (
    LayerState,
    MIMBlock,
    NonStationaryModule,
    SpatiotemporalLSTM,
    StationaryModule,
)
from model.config import NetworkConfig
from model.networks import Context, MIMNetwork
from tests.model import literal, symbols

TOLERANCE = 1e-10


@pytest.fixture(params=[(1, 3, 3), (2, 4, 5)], ids=["k3", "k5"])
def sizes(request):
    """(input channels, channels, kernel)."""
    return request.param


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def tensors(*arrays):
    return [torch.as_tensor(array) for array in arrays]


def assert_equal(ours, theirs, tolerance=TOLERANCE):
    for tensor, array in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(tensor.detach().numpy(), array, atol=tolerance)


def test_st_lstm_computes_the_supplements_equation_1(sizes, rng):
    inputs, C, k = sizes
    weights = symbols.random_weights(symbols.ST_LSTM, inputs, C, k, rng)
    cell = SpatiotemporalLSTM(inputs, C, k).double()
    symbols.fill(cell, symbols.ST_LSTM, weights)
    X = rng.normal(size=(2, inputs, 5, 6))
    H, c, M = rng.normal(size=(3, 2, C, 5, 6))
    assert_equal(cell(*tensors(X, H, c, M)), literal.st_lstm(weights, X, H, c, M))


def test_mim_n_computes_equation_2(sizes, rng):
    _, C, k = sizes
    weights = symbols.random_weights(symbols.MIM_N, C, C, k, rng)
    module = NonStationaryModule(C, k).double()
    symbols.fill(module, symbols.MIM_N, weights)
    difference, N = rng.normal(size=(2, 2, C, 5, 6))
    assert_equal(module(*tensors(difference, N)), literal.mim_n(weights, difference, N))


def test_mim_s_computes_equation_3(sizes, rng):
    _, C, k = sizes
    weights = symbols.random_weights(symbols.MIM_S, C, C, k, rng)
    module = StationaryModule(C, k).double()
    symbols.fill(module, symbols.MIM_S, weights)
    D, c, S = rng.normal(size=(3, 2, C, 5, 6))
    assert_equal(module(*tensors(D, c, S)), literal.mim_s(weights, D, c, S))


def test_mim_block_computes_equation_1(sizes, rng):
    _, C, k = sizes
    w = symbols.random_weights(symbols.BLOCK, C, C, k, rng)
    n = symbols.random_weights(symbols.MIM_N, C, C, k, rng)
    s = symbols.random_weights(symbols.MIM_S, C, C, k, rng)
    block = filled_block(MIMBlock(C, k).double(), w, n, s)
    X, before, H, c, M, N, S = rng.normal(size=(7, 2, C, 5, 6))
    tX, tb, tH, tc, tM, tN, tS = tensors(X, before, H, c, M, N, S)
    state, ours_M = block(tX, tb, LayerState(tH, tc, tN, tS), tM)
    expected = literal.mim_block(w, n, s, X, before, H, c, M, N, S)
    assert_equal((state.H, state.C, ours_M, state.N, state.S), expected)


def filled_block(block, w, n, s):
    symbols.fill(block, symbols.BLOCK, w)
    symbols.fill(block.non_stationary, symbols.MIM_N, n)
    symbols.fill(block.stationary, symbols.MIM_S, s)
    return block


@pytest.mark.real_radar
@pytest.mark.parametrize("name", ["stlstm", "mimn", "mims", "mimblock", "mimnet"])
def test_parity_vectors_of_the_paper_family(name):
    folder = os.environ.get("ECHOCAST_TEST_DATA")
    if not folder:
        pytest.skip("ECHOCAST_TEST_DATA is not set: parity vectors not replayed")
    file = np.load(Path(folder) / "parity" / f"paper_{name}_k3.npz")
    assert json.loads(str(file["meta"]))
    arrays = {key: file[key] for key in file.files if key != "meta"}
    REPLAYS[name](arrays)


def below(arrays, prefix):
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def replay_st_lstm(arrays):
    w, given, out = (below(arrays, p) for p in ("w/", "in/", "out/"))
    channels, inputs, kernel, _ = w["Wxg"].shape
    cell = SpatiotemporalLSTM(inputs, channels, kernel).double()
    symbols.fill(cell, symbols.ST_LSTM, w)
    ours = cell(*(torch.as_tensor(given[key]).double() for key in "xhcm"))
    assert_equal(ours, [out[key] for key in "hcm"], 1e-6)


def replay_mim_n(arrays):
    w, given, out = (below(arrays, p) for p in ("w/", "in/", "out/"))
    channels, _, kernel, _ = w["Wxg"].shape
    module = NonStationaryModule(channels, kernel).double()
    symbols.fill(module, symbols.MIM_N, w)
    ours = module(*(torch.as_tensor(given[key]).double() for key in ("diff", "N")))
    assert_equal(ours, [out["D"], out["N"]], 1e-6)


def replay_mim_s(arrays):
    w, given, out = (below(arrays, p) for p in ("w/", "in/", "out/"))
    channels, _, kernel, _ = w["Wdg"].shape
    module = StationaryModule(channels, kernel).double()
    symbols.fill(module, symbols.MIM_S, w)
    ours = module(*(torch.as_tensor(given[key]).double() for key in "DCS"))
    assert_equal(ours, [out["T"], out["S"]], 1e-6)


def replay_block(arrays):
    w, given, out = (below(arrays, p) for p in ("w/", "in/", "out/"))
    b, n, s = (below(w, p) for p in ("b/", "n/", "s/"))
    channels, _, kernel, _ = b["Wxg"].shape
    block = filled_block(MIMBlock(channels, kernel).double(), b, n, s)
    steps = sorted(key for key in given if key.startswith("x"))
    zero = torch.zeros_like(torch.as_tensor(given[steps[0]])).double()
    state, before = LayerState(zero, zero, zero, zero), zero
    for key in steps:
        X, M = (torch.as_tensor(given[name]).double() for name in (key, key.replace("x", "m")))
        state, M = block(X, before, state, M)
        before = X
        step = key.removeprefix("x")
        expected = [out[letter + step] for letter in ("h", "c", "N", "S", "m")]
        assert_equal([*state, M], expected, 1e-6)


def replay_network(arrays):
    w, frames, out = below(arrays, "w/"), arrays["in/frames"], arrays["out/frames"]
    channels, planes, kernel, _ = w["0/Wxg"].shape
    config = NetworkConfig(layers=4, hidden_channels=channels, kernel=kernel, patch=2)
    assert planes == config.patch**2
    network = MIMNetwork(config).double()
    symbols.fill(network.first, symbols.ST_LSTM, below(w, "0/"))
    for layer, block in enumerate(network.blocks, start=1):
        filled_block(block, *(below(w, f"{layer}/{part}/") for part in "bns"))
    with torch.no_grad():
        network.head.weight.copy_(torch.as_tensor(w["out"]))
    given = torch.nn.functional.pixel_shuffle(torch.as_tensor(frames).double(), 2)[:, :, 0]
    bases = [given[:, :1]] * out.shape[1]
    context = Context(torch.full((2,), 5.0), torch.ones(2))
    predicted = network.roll_out(given, bases, torch.ones_like(given), context)
    ours = torch.stack([torch.nn.functional.pixel_unshuffle(p.frame, 2) for p in predicted], 1)
    assert_equal([ours], [out], 1e-6)


REPLAYS = {
    "stlstm": replay_st_lstm,
    "mimn": replay_mim_n,
    "mims": replay_mim_s,
    "mimblock": replay_block,
    "mimnet": replay_network,
}
