"""The relatives of MIM compute their papers' equations, literally."""

import numpy as np
import pytest
import torch

from echocast.model.network.comparison_cells import (
    CausalLSTM,
    ConvLSTM,
    GradientHighway,
    MemoryOnlyLSTM,
    MIMStarBlock,
)
from echocast.model.network.gates import GateConfig, LayerInput, LayerState
from tests.model.network import literal, symbols
from tests.model.network.test_cells import assert_equal

INPUTS, C, STYLE = 3, 4, GateConfig(3)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def fields(rng):
    """X, then six states."""
    return [rng.normal(size=(2, INPUTS, 5, 6)), *rng.normal(size=(6, 2, C, 5, 6))]


def run(module, X, difference, M, **memories):
    M = torch.as_tensor(M)
    state = LayerState(M, M, M, M, M)._replace(
        **{name: torch.as_tensor(value) for name, value in memories.items()}
    )
    difference = None if difference is None else torch.as_tensor(difference)
    return module(LayerInput(torch.as_tensor(X), difference, M), state)


def weights_of(rng, *tables, inputs=INPUTS):
    weights = {}
    for table in tables:
        weights |= symbols.random_weights(table, inputs, C, 3, rng)
    return weights


def fill_causal_memory(memory, w):
    symbols.fill(memory, symbols.CAUSAL_MEMORY, w)
    with torch.no_grad():
        memory.one_by_one.weight.copy_(torch.as_tensor(w["W11"]))


def test_convlstm(rng, fields):
    X, H, c, M, *_ = fields
    w = weights_of(rng, symbols.CONV_LSTM)
    module = ConvLSTM(INPUTS, C, STYLE).double()
    symbols.fill(module, symbols.CONV_LSTM, w)
    above, state = run(module, X, None, M, H=H, C=c)
    assert_equal((state.H, state.C), literal.conv_lstm(w, X, H, c))
    assert torch.equal(above.M, torch.as_tensor(M))


@pytest.mark.parametrize("first", [True, False], ids=["first layer", "above"])
def test_memory_only_predrnn_computes_predrnn_equation_3(rng, fields, first):
    X, H, _, M, below, *_ = fields
    w = weights_of(rng, symbols.MEMORY_ONLY)
    w |= {name: rng.normal(size=C) for name in ("Wmi", "Wmf", "Wmo")}
    module = MemoryOnlyLSTM(INPUTS if first else 0, C, STYLE).double()
    table = {k: v for k, v in symbols.MEMORY_ONLY.items() if first or k != "on_x"}
    symbols.fill(module, table, w)
    with torch.no_grad():
        for gate in "ifo":
            getattr(module, f"peep_{gate}").copy_(torch.as_tensor(w["Wm" + gate])[:, None, None])
    above, _ = run(module, X if first else below, None, M, H=H)
    expected = literal.memory_only(w, X, H, M) if first else literal.memory_only(w, None, below, M)
    assert_equal((above.H, above.M), expected)


def test_causal_lstm_computes_predrnn_plus_equations_1_and_2(rng, fields):
    X, H, c, M, *_ = fields
    w = weights_of(rng, symbols.CAUSAL, symbols.CAUSAL_MEMORY)
    module = CausalLSTM(INPUTS, C, C, STYLE).double()
    symbols.fill(module, symbols.CAUSAL, w)
    fill_causal_memory(module.memory, w)
    above, state = run(module, X, None, M, H=H, C=c)
    assert_equal((state.H, state.C, above.M), literal.causal_lstm(w, X, H, c, M))


def test_mim_star_puts_t_in_the_place_of_the_forget_gate(rng, fields):
    _, X, H, c, M, N, S = fields
    before = rng.normal(size=X.shape)
    w = weights_of(rng, symbols.MIM_STAR, symbols.CAUSAL_MEMORY, inputs=C)
    n, s = weights_of(rng, symbols.MIM_N), weights_of(rng, symbols.MIM_S)
    module = MIMStarBlock(C, STYLE).double()
    symbols.fill(module, symbols.MIM_STAR, w)
    symbols.fill(module.non_stationary, symbols.MIM_N, n)
    symbols.fill(module.stationary, symbols.MIM_S, s)
    fill_causal_memory(module.memory, w)
    above, state = run(module, X, X - before, M, H=H, C=c, N=N, S=S)
    expected = literal.mim_star(w, n, s, X, before, H, c, M, N, S)
    assert_equal((state.H, state.C, above.M, state.N, state.S), expected)


def test_the_gradient_highway_computes_predrnn_plus_equation_3(rng, fields):
    _, X, Z, M, *_ = fields
    w = weights_of(rng, symbols.HIGHWAY, inputs=C)
    module = GradientHighway(C, STYLE).double()
    symbols.fill(module, symbols.HIGHWAY, w)
    above, state = run(module, X, None, M, H=Z)
    assert_equal([above.H], [literal.highway(w, X, Z)])
    assert torch.equal(above.H, state.H)
