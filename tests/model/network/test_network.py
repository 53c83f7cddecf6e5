"""The network keeps nothing, leaks nothing, and starts as extrapolation."""

from dataclasses import replace

import pytest
import torch

from echocast.model.network.config import NetworkConfig
from echocast.model.network.network import Context, Network

PAPER = NetworkConfig(hidden_channels=4, kernel=3, patch=2)
RADAR = replace(
    PAPER, residual=True, coordinates="lagrangian", exceedance_thresholds_dbz=(20.0, 30.0, 40.0)
)
CONTEXT = Context(torch.tensor([5.0]), torch.tensor([1.0]))


def random_network(config, seed=3):
    torch.manual_seed(seed)
    network = Network(config).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    return network


def frames_of(seed, size=(8, 10), time=4):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, time, 1, *size, generator=generator, dtype=torch.float64)


def forecast(network, frames, steps=3):
    shown = [frames[:, t] for t in range(frames.shape[1])]
    bases = [*shown, *[frames[:, -1]] * (steps - 1)]
    context = Context(*(value.double() for value in CONTEXT))
    rolled = network.roll_out(frames, bases, torch.ones_like(frames), context)
    return torch.stack([prediction.frame for prediction in rolled])


@pytest.mark.parametrize("config", [PAPER, RADAR], ids=["paper", "radar"])
def test_the_same_frames_twice_give_the_same_answer(config):
    network, frames = random_network(config), frames_of(1)
    assert torch.equal(forecast(network, frames), forecast(network, frames))


@pytest.mark.parametrize("config", [PAPER, RADAR], ids=["paper", "radar"])
def test_interleaved_sequences_equal_separate_ones(config):
    network = random_network(config)
    inputs = torch.rand(2, 5, 1, network.layers[0].on_x.conv.in_channels, 4, 5, dtype=torch.float64)

    def alone(sequence):
        state, outputs = network.initial_state(1, 4, 5), []
        for X in sequence:
            out, state = network.step(X, state)
            outputs.append(out)
        return outputs

    states = [network.initial_state(1, 4, 5) for _ in range(2)]
    together = [[], []]
    for t in range(5):
        for k in range(2):
            out, states[k] = network.step(inputs[k, t], states[k])
            together[k].append(out)
    for k in range(2):
        assert all(map(torch.equal, together[k], alone(inputs[k])))


def test_a_batch_gives_what_its_members_give_alone():
    network, first, second = random_network(PAPER), frames_of(1), frames_of(2)
    both = forecast(network, torch.cat([first, second]))
    torch.testing.assert_close(both[:, :1], forecast(network, first))
    torch.testing.assert_close(both[:, 1:], forecast(network, second))


def test_a_forward_call_leaves_no_tensor_on_any_module():
    network = random_network(RADAR)
    before = {name: set(vars(module)) for name, module in network.named_modules()}
    forecast(network, frames_of(1))
    assert before == {name: set(vars(module)) for name, module in network.named_modules()}


def test_an_untrained_residual_network_is_its_extrapolation():
    torch.manual_seed(0)
    network, frames = Network(RADAR).double(), frames_of(5)
    predicted = forecast(network, frames, steps=3)
    for lead in range(3):
        assert torch.equal(predicted[-1 - lead], frames[:, -1])


def test_exceedance_never_rises_with_the_threshold():
    network, frames = random_network(RADAR), frames_of(6)
    bases = [frames[:, t] for t in range(4)]
    context = Context(*(value.double() for value in CONTEXT))
    for prediction in network.roll_out(frames, bases, torch.ones_like(frames), context):
        assert (prediction.exceedance_logits.diff(dim=1) <= 0).all()


def test_the_output_shifts_with_the_input_away_from_the_edges():
    """Moving the rain by whole patches moves the answer: nothing is tied to a place."""
    network = random_network(PAPER)
    frames = torch.zeros(1, 2, 1, 128, 128, dtype=torch.float64)
    frames[..., 60:68, 60:68] = frames_of(1, (8, 8), 2)
    there = forecast(network, frames, steps=1)
    moved = forecast(network, frames.roll((4, 8), (3, 4)), steps=1)
    window = (..., slice(56, 72), slice(56, 72))
    shifted = moved.roll((-4, -8), (3, 4))
    torch.testing.assert_close(shifted[window], there[window], atol=1e-9, rtol=0)


@pytest.mark.parametrize("memory", ["H", "C", "N", "S", "M"])
def test_gradients_flow_back_along_every_memory(memory):
    """From the last output to the first input's step through one memory alone."""
    network = random_network(PAPER)
    X = torch.rand(1, 4, 4, 5, dtype=torch.float64)
    state = network.initial_state(1, 4, 5)
    _, state = network.step(X, state)
    detached = tuple(
        layer._replace(**{name: getattr(layer, name).detach() for name in "HCNSD"})
        for layer in state.layers
    )
    marks = []
    if memory == "M":
        M = state.M.detach().requires_grad_()
        marks, state = [M], state._replace(layers=detached, M=M)
    else:
        layers = []
        for layer in detached[1:]:
            mark = getattr(layer, memory).clone().requires_grad_()
            marks.append(mark)
            layers.append(layer._replace(**{memory: mark}))
        state = state._replace(layers=(detached[0], *layers), M=state.M.detach())
    for _ in range(3):
        out, state = network.step(X, state)
    out.sum().backward()
    assert all(mark.grad is not None and mark.grad.abs().max() > 0 for mark in marks)


def test_what_training_never_saw_is_shown_as_the_nearest_it_saw():
    trained = replace(RADAR, trained_pixel_km=(1.0, 2.0), trained_lead_minutes=(0.0, 10.0))
    network, frames = random_network(trained), frames_of(4)
    ones = torch.ones_like(frames)

    def rolled(pixel_km, steps=3):
        shown = [frames[:, t] for t in range(4)]
        context = Context(torch.tensor([10.0]).double(), torch.tensor([pixel_km]).double())
        bases = [*shown, *[frames[:, -1]] * (steps - 1)]
        return torch.stack([p.frame for p in network.roll_out(frames, bases, ones, context)])

    assert torch.equal(rolled(0.5), rolled(1.0))
    assert not torch.equal(rolled(1.5), rolled(1.0))
    first, second, third = (
        network._planes(
            frames[:, 0],
            frames[:, 0],
            ones[:, 0],
            Context(torch.tensor([10.0]).double(), torch.tensor([1.0]).double()),
            ahead,
        )
        for ahead in (0, 1, 2)
    )
    assert not torch.equal(first, second)
    assert torch.equal(second, third)
