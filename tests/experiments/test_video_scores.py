"""The papers' scores equal their definitions, written out pixel by pixel."""

import math

import numpy as np
import pytest
import torch

from echocast.model.errors import ContractViolation
from echocast.model.network.config import FAMILIES, NetworkConfig
from echocast.model.network.network import Network
from experiments.gate_saturation import saturated_share
from experiments.video_scores import (
    absolute_error_sum,
    gradient_sharpness,
    squared_error_sum,
    structural_similarity,
)

SCORES = (squared_error_sum, absolute_error_sum, structural_similarity, gradient_sharpness)
PERFECT = (0, 0, 1, math.inf)


@pytest.fixture
def pair():
    rng = np.random.default_rng(7)
    forecast = rng.random((2, 3, 11, 13)).astype(np.float32)
    observed = np.clip(forecast + rng.normal(0, 0.3, forecast.shape), 0, 1).astype(np.float32)
    return forecast, observed


@pytest.mark.parametrize(("score", "perfect"), list(zip(SCORES, PERFECT, strict=True)))
def test_the_truth_scores_perfectly_and_every_frame_by_itself(score, perfect, pair):
    forecast, observed = pair
    assert np.allclose(score(observed, observed), perfect)
    scores = score(forecast, observed)
    assert scores.shape == (2, 3)
    assert scores[1, 2] == score(forecast[1, 2], observed[1, 2])


def test_errors_are_sums_over_a_frame_that_is_clipped_first():
    forecast = np.array([[1.5, 0.5], [-1.0, 0.0]], np.float32)
    observed = np.array([[0.0, 0.25], [0.0, 0.0]], np.float32)
    assert squared_error_sum(forecast, observed) == 1.0625
    assert absolute_error_sum(forecast, observed) == 1.25


def test_structural_similarity_is_its_formula_in_every_square(pair):
    a, b = (frames[0, 0].astype(float) for frames in pair)
    values = []
    for row in range(11 - 6):
        for column in range(13 - 6):
            x, y = (f[row : row + 7, column : column + 7].ravel() for f in (a, b))
            (vx, vxy), (_, vy) = np.cov(x, y)
            alike = (2 * x.mean() * y.mean() + 1e-4) * (2 * vxy + 9e-4)
            values.append(alike / ((x.mean() ** 2 + y.mean() ** 2 + 1e-4) * (vx + vy + 9e-4)))
    assert float(structural_similarity(*pair)[0, 0]) == pytest.approx(np.mean(values), abs=1e-12)


def test_sharpness_is_its_formula(pair):
    a, b = (frames[0, 0].astype(float) for frames in pair)

    def steepness(f, i, j):
        return abs(f[i, j] - f[i - 1, j]) + abs(f[i, j] - f[i, j - 1])

    apart = [
        abs(steepness(a, i, j) - steepness(b, i, j)) for i in range(1, 11) for j in range(1, 13)
    ]
    expected = 10 * math.log10(1 / np.mean(apart))
    assert float(gradient_sharpness(*pair)[0, 0]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("score", SCORES)
def test_frames_of_another_shape_are_refused(score, pair):
    with pytest.raises(ContractViolation, match=r"\(2, 3, 11, 13\)"):
        score(pair[0], pair[1][..., :12])


def test_similarity_of_a_frame_smaller_than_its_square_is_refused():
    with pytest.raises(ContractViolation, match="7 x 7"):
        structural_similarity(np.zeros((6, 9), np.float32), np.zeros((6, 9), np.float32))


def small(family):
    torch.manual_seed(3)
    config = NetworkConfig(family=family, layers=3, hidden_channels=4, kernel=3, patch=2)
    network = Network(config).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "one_by_one" not in name:
                parameter.copy_(torch.randn_like(parameter) * 0.6)
    return network, [torch.rand(2, network.planes, 5, 6) for _ in range(4)]


@pytest.mark.parametrize("family", [f for f in FAMILIES if f != "predrnn_memory"])
def test_saturation_is_a_share_and_watching_leaves_nothing_behind(family):
    network, inputs = small(family)
    before = network.step(inputs[0], network.initial_state(2, 5, 6))[0]
    shares = saturated_share(network, inputs)
    message = [share for share in shares if not math.isnan(share)]
    assert len(message) == 3  # the gradient highway has no C
    assert all(0 < share < 1 for share in message)
    assert not any(module._forward_hooks for module in network.modules())
    assert torch.equal(before, network.step(inputs[0], network.initial_state(2, 5, 6))[0])


def test_a_gate_that_is_shut_is_saturated_and_an_open_one_is_not():
    network, inputs = small("convlstm")
    with torch.no_grad():
        for layer, bias in zip(network.layers, (-50.0, 50.0, -50.0), strict=True):
            layer.on_x.conv.bias.view(4, 4)[2] = bias
    assert saturated_share(network, inputs) == [1, 0, 1]


def test_saturation_of_a_mim_block_is_that_of_t_over_c():
    network, inputs = small("mim")
    ratios, state = [], network.initial_state(2, 5, 6)
    with torch.no_grad():
        for X in inputs:
            before = state
            _, state = network.step(X, state)
            layer, memory = network.layers[2], before.layers[2]
            (gate,) = [layer.on_x(state.layers[1].H)[1] + layer.on_h(memory.H)[1]]
            modulation = layer.on_x(state.layers[1].H)[0] + layer.on_h(memory.H)[0]
            T = state.layers[2].C - torch.sigmoid(gate) * torch.tanh(modulation)
            ratios.append((T / memory.C)[memory.C != 0].abs())
    retained = torch.cat(ratios)
    expected = float((retained < 0.1).float().mean())
    assert saturated_share(network, inputs)[2] == pytest.approx(expected, abs=2 / len(retained))


def test_a_layer_without_a_temporal_memory_has_no_saturation():
    network, inputs = small("predrnn_memory")
    assert all(math.isnan(share) for share in saturated_share(network, inputs))
