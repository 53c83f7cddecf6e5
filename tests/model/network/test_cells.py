"""The cells compute the printed equations, literally."""

import numpy as np
import pytest
import torch

from echocast.model.network.cells import (
    MIMBlock,
    NonStationaryModule,
    SpatiotemporalLSTM,
    StationaryModule,
)
from echocast.model.network.gates import GateConfig, LayerInput, LayerState
from tests import parity
from tests.model.network import literal, symbols

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
    cell = SpatiotemporalLSTM(inputs, C, GateConfig(k)).double()
    symbols.fill(cell, symbols.ST_LSTM, weights)
    X = rng.normal(size=(2, inputs, 5, 6))
    H, c, M = rng.normal(size=(3, 2, C, 5, 6))
    tX, tH, tc, tM = tensors(X, H, c, M)
    above, state = cell(LayerInput(tX, None, tM), LayerState(tH, tc, tc, tc, tc))
    expected = literal.st_lstm(weights, X, H, c, M)
    assert_equal((state.H, state.C, above.M), expected)
    np.testing.assert_allclose(above.difference.detach(), expected[0] - H, atol=TOLERANCE)


def test_mim_n_computes_equation_2(sizes, rng):
    _, C, k = sizes
    weights = symbols.random_weights(symbols.MIM_N, C, C, k, rng)
    module = NonStationaryModule(C, GateConfig(k)).double()
    symbols.fill(module, symbols.MIM_N, weights)
    difference, N = rng.normal(size=(2, 2, C, 5, 6))
    assert_equal(module(*tensors(difference, N)), literal.mim_n(weights, difference, N))


def test_mim_s_computes_equation_3(sizes, rng):
    _, C, k = sizes
    weights = symbols.random_weights(symbols.MIM_S, C, C, k, rng)
    module = StationaryModule(C, GateConfig(k)).double()
    symbols.fill(module, symbols.MIM_S, weights)
    D, c, S = rng.normal(size=(3, 2, C, 5, 6))
    assert_equal(module(*tensors(D, c, S)), literal.mim_s(weights, D, c, S))


def test_mim_block_computes_equation_1(sizes, rng):
    _, C, k = sizes
    w = symbols.random_weights(symbols.BLOCK, C, C, k, rng)
    n = symbols.random_weights(symbols.MIM_N, C, C, k, rng)
    s = symbols.random_weights(symbols.MIM_S, C, C, k, rng)
    block = filled_block(MIMBlock(C, GateConfig(k)).double(), w, n, s)
    X, before, H, c, M, N, S = rng.normal(size=(7, 2, C, 5, 6))
    tX, tb, tH, tc, tM, tN, tS = tensors(X, before, H, c, M, N, S)
    above, state = block(LayerInput(tX, tX - tb, tM), LayerState(tH, tc, tN, tS, tS))
    expected = literal.mim_block(w, n, s, X, before, H, c, M, N, S)
    assert_equal((state.H, state.C, above.M, state.N, state.S), expected)


def filled_block(block, w, n, s):
    symbols.fill(block, symbols.BLOCK, w)
    symbols.fill(block.non_stationary, symbols.MIM_N, n)
    symbols.fill(block.stationary, symbols.MIM_S, s)
    return block


@pytest.mark.real_radar
def test_every_parity_vector_is_met_by_our_cells(radar_folder, capsys):
    files = sorted((radar_folder.parent / "parity").glob("*.npz"))
    assert len(files) >= 19
    assert parity.main([str(path) for path in files]) == 0, capsys.readouterr().out


def test_parity_fails_where_a_weight_differs(radar_folder, tmp_path):
    with np.load(radar_folder.parent / "parity" / "stlstm_cell_k3_ln0.npz") as file:
        arrays = {key: file[key] for key in file.files}
    arrays["w/conv_h.0.weight"] = arrays["w/conv_h.0.weight"] * 1.001
    np.savez(tmp_path / "changed.npz", **arrays)
    assert parity.main([str(tmp_path / "changed.npz")]) == 1
