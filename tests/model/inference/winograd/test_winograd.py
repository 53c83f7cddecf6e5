"""The compiled steps give what the plain steps give, for every network there is."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numba
import numpy as np
import pytest
import torch

from echocast.model.errors import ModelError
from echocast.model.inference.winograd import kernel_cache, selection, transforms
from echocast.model.inference.winograd.selection import (
    SelectedSteps,
    choose_steps,
    difference,
    fast_steps,
    golden_input,
    outputs,
)
from echocast.model.inference.winograd.steps import FastSteps
from echocast.model.inference.winograd.trace import Untraceable, trace
from echocast.model.inference.winograd.transforms import Winograd, matrices
from echocast.model.network.config import FAMILIES, PAPER_ONLY, RADAR_SMALL, NetworkConfig
from echocast.model.network.network import Network

GRID = (10, 13)
EQUATIONS = [(family, "paper") for family in FAMILIES]
EQUATIONS += [(family, "reference") for family in FAMILIES if family not in PAPER_ONLY]
SMALL = NetworkConfig(hidden_channels=8, kernel=3)


def random_network(config, seed=3):
    """Weights of a size that no gate saturates and no memory fades."""
    torch.manual_seed(seed)
    network = Network(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            fan = parameter.numel() // max(len(parameter), 1)
            parameter.normal_(0, max(fan, 1) ** -0.5)
    return network


def inputs_of(network, batch=2, grid=GRID, steps=4):
    generator = torch.Generator().manual_seed(7)
    return [torch.rand(batch, network.planes, *grid, generator=generator) for _ in range(steps)]


@pytest.mark.parametrize(("m", "k"), [(4, 5), (4, 3), (6, 3), (2, 5), (4, 1)])
def test_minimal_filtering_is_filtering(m, k):
    A, G, B = matrices(m, k)
    x, g = np.random.default_rng(1).normal(size=(2, m + k - 1))
    direct = np.correlate(x, g[:k], "valid")
    np.testing.assert_allclose(A @ ((G @ g[:k]) * (B @ x)), direct, atol=1e-12)


def test_an_image_cut_into_tiles_is_joined_again():
    images = torch.rand(2, SMALL.patch**2, 9, 14)
    steps = FastSteps(random_network(SMALL))
    work, program = steps.initial_state(2, 9, 14).work, steps._programs[0]
    assert torch.equal(program.join(program.cut(images, work).tiles, work), images)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize(("family", "equations"), EQUATIONS)
def test_every_network_has_fast_steps_that_agree(family, equations, kernel):
    grid = GRID if equations == "reference" else None
    config = replace(SMALL, family=family, equations=equations, kernel=kernel, grid=grid)
    network = random_network(config)
    with torch.inference_mode():
        inputs = inputs_of(network)
        fast = outputs(FastSteps(network), inputs)
        assert difference(outputs(network, inputs), fast) < 1e-4


def test_widths_may_differ_between_layers():
    network = random_network(replace(SMALL, family="predrnn_plus", hidden_channels=(8, 4, 6, 5)))
    inputs = inputs_of(network)
    with torch.inference_mode():
        fast = outputs(FastSteps(network), inputs)
        assert difference(outputs(network, inputs), fast) < 1e-4


@pytest.mark.parametrize("chunk", [1, 7])
def test_the_size_of_chunks_changes_nothing(chunk):
    network = random_network(RADAR_SMALL)
    inputs = inputs_of(network, grid=(23, 18))
    with torch.inference_mode():
        whole = outputs(FastSteps(network, chunk=10**4), inputs)
        parts = outputs(FastSteps(network, chunk=chunk), inputs)
    torch.testing.assert_close(parts, whole)


def test_interleaved_sequences_equal_separate_ones():
    network = random_network(SMALL)
    steps = FastSteps(network)
    first, second = inputs_of(network), [1 - X for X in inputs_of(network)]
    with torch.inference_mode():
        alone = outputs(steps, first), outputs(steps, second)
        states, together = [steps.initial_state(2, *GRID) for _ in range(2)], ([], [])
        for pair in zip(first, second, strict=True):
            for k, X in enumerate(pair):
                out, states[k] = steps.step(X, states[k])
                together[k].append(out)
    assert all(torch.equal(torch.stack(together[k]), alone[k]) for k in range(2))


def test_the_first_step_does_no_work_on_zero_memories():
    first, later = (trace(random_network(SMALL), 16, started=s) for s in (False, True))
    assert convolutions(first) < 0.6 * convolutions(later)


def convolutions(traced):
    visited, waiting = set(), [traced.out, *traced.new_memories.values()]
    while waiting:
        if (value := waiting.pop()) not in visited:
            visited.add(value)
            waiting += value.parts
    return sum(value.weight.numel() for value in visited if value.kind == "convolution")


def test_memories_that_never_reach_the_head_are_not_carried():
    traced = trace(random_network(replace(SMALL, family="predrnn")), 16, started=True)
    assert set(traced.read()) == {"M", *(f"{name}{layer}" for name in "HC" for layer in range(4))}


def test_a_joint_layer_norm_has_no_fast_form():
    config = replace(SMALL, equations="reference", layer_norm=True, grid=GRID)
    network = random_network(config)
    with pytest.raises(Untraceable, match="layer_norm"):
        FastSteps(network)
    assert choose_steps(network).name == "plain"


def test_weights_of_one_grid_refuse_another():
    network = random_network(replace(SMALL, equations="reference", grid=GRID))
    with pytest.raises(ModelError, match="belong to a grid"):
        FastSteps(network).initial_state(1, 9, 13)


class TimedSteps:
    """Steps that take so many seconds by a clock of the test.

    There are no more than five: each costs the start of every worker a tenth of a second.
    """

    def __init__(self, steps, clock, seconds):
        self._steps, self._clock = steps, clock
        self._seconds = [seconds] * 5

    def __getattr__(self, name):
        return getattr(self._steps, name)

    def step(self, X, state):
        self._clock.append(self._clock[-1] + self._seconds.pop(0))
        return self._steps.step(X, state)


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [(2, 1, "second"), (1, 2, "first"), (8, 5, "plain"), (4, 4, "first")],
)
def test_of_those_that_agree_the_fastest_is_used(first, second, name, monkeypatch):
    network, clock = random_network(SMALL), [0]
    monkeypatch.setattr(selection, "time", SimpleNamespace(perf_counter=lambda: clock[-1]))
    fast = FastSteps(network)
    forms = {"first": TimedSteps(fast, clock, first), "second": TimedSteps(fast, clock, second)}
    choice = choose_steps(TimedSteps(network, clock, 4), forms)
    assert (choice.name, choice.refused) == (name, ())


def test_a_network_of_many_kernels_has_the_matrices_computed_once_a_program(monkeypatch):
    computed = []
    monkeypatch.setattr(transforms, "matrices", lambda *key: computed.append(key) or matrices(*key))
    FastSteps(random_network(SMALL))
    assert computed == [(4, 3)] * 2


def test_a_fast_path_that_disagrees_is_switched_off_with_a_warning(caplog):
    network, other = random_network(SMALL), random_network(SMALL, seed=4)
    choice = choose_steps(network, {"wrong": FastSteps(other)})
    assert choice.steps is network
    assert choice.refused == ("wrong",)
    assert "switched off" in caplog.text


def test_a_fast_path_that_is_not_finite_is_switched_off():
    network, broken = random_network(SMALL), random_network(SMALL)
    with torch.no_grad():
        broken.head.weight[0] = torch.nan
    assert choose_steps(network, {"broken": FastSteps(broken)}).refused == ("broken",)


def test_on_a_cpu_the_presets_have_compiled_steps_and_none_in_float64():
    network = random_network(SMALL)
    assert set(fast_steps(network)) == {"compiled-4"}
    assert fast_steps(network.double()) == {}


def test_without_numba_the_plain_steps_serve(monkeypatch):
    monkeypatch.setitem(sys.modules, "echocast.model.inference.winograd.numba_program", None)
    network = random_network(SMALL)
    chosen = choose_steps(network)
    assert (chosen.steps, chosen.name) == (network, "plain")
    with pytest.raises(Untraceable, match="no compiled kernels"):
        FastSteps(network)


def test_where_no_folder_may_be_written_kernels_are_compiled_anew(monkeypatch):
    def without_folder(*, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr("echocast.model.inference.winograd.kernel_cache.njit", without_folder)
    assert kernel_cache.compiled(len) is len


def test_kernels_of_another_source_are_not_taken_from_disk(monkeypatch, tmp_path):
    for name in kernel_cache.SOURCES:
        (tmp_path / name).write_text("")
    here = kernel_cache.digest()
    monkeypatch.setattr("echocast.model.inference.winograd.kernel_cache.HERE", tmp_path)
    digests = {here, kernel_cache.digest()}
    (tmp_path / "simd.py").write_text("# a change")
    assert len({*digests, kernel_cache.digest()}) == 3
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path / "cache"))
    assert kernel_cache.compiled(_twice)(21) == 42
    assert (tmp_path / "cache" / f"kernels-{kernel_cache.digest()}").is_dir()
    assert str(tmp_path / "cache") == numba.config.CACHE_DIR


def _twice(number):
    return 2 * number


def test_a_state_may_be_gone_on_from_twice():
    network = random_network(SMALL)
    steps, (first, *others) = FastSteps(network), inputs_of(network)
    with torch.inference_mode():
        _, state = steps.step(first, steps.initial_state(2, *GRID))
        once, later = steps.step(others[0], state)
        steps.step(others[1], later)
        assert torch.equal(steps.step(others[0], state)[0], once)


def test_sequences_in_several_threads_do_not_meet():
    network = random_network(SMALL)
    steps = FastSteps(network)
    sequences = [[X * scale for X in inputs_of(network)] for scale in (1, 0.7, 0.4, 0.1)]

    def run(inputs):
        with torch.inference_mode():
            return outputs(steps, inputs)

    alone = [run(inputs) for inputs in sequences]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(run, sequences))
    assert all(map(torch.equal, alone, together))


@pytest.mark.parametrize("threads", [2, 3])
def test_the_number_of_threads_changes_nothing(threads):
    network, before = random_network(SMALL), torch.get_num_threads()
    steps, inputs = FastSteps(network), inputs_of(network, grid=(21, 18))
    results = []
    try:
        for number in (1, threads):
            torch.set_num_threads(number)
            with torch.inference_mode():
                results.append(outputs(steps, inputs))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*results)


def test_what_is_not_a_number_stays_so():
    network = random_network(SMALL)
    inputs = [X.index_fill(2, torch.tensor([0]), torch.nan) for X in inputs_of(network)]
    with torch.inference_mode():
        assert outputs(FastSteps(network), inputs)[:, :, :, 0].isnan().all()


def test_the_golden_input_is_always_the_same():
    network = random_network(SMALL)
    assert all(map(torch.equal, golden_input(network), golden_input(network)))
    assert SelectedSteps(network).refused == ()


def test_kernels_are_transformed_in_float64():
    weight = torch.rand(3, 2, 5, 5)
    exact = torch.einsum("up,oipq,vq->uvio", *each_with(matrices(4, 5)[1], weight.double()))
    assert torch.equal(Winograd(4, 5).kernels(weight), exact.flatten(0, 1).float())


def each_with(G, weight):
    points = torch.from_numpy(G)
    return points, weight, points


def test_on_some_tiles_the_steps_say_there_what_they_say_on_all():
    """Dry sky that is left out stands around what is not as if it had been computed."""
    network = random_network(replace(SMALL, layers=2))
    inputs = inputs_of(network, grid=(40, 44))
    active = torch.zeros(2, 40, 44, dtype=torch.bool)
    active[:, 8:32, 8:36] = True
    measured = torch.ones(2, 40, 44)
    measured[:, :, 40:] = 0
    inputs = [X * active[:, None] + 0.1 * measured[:, None] for X in inputs]
    steps = FastSteps(network)
    with torch.inference_mode():
        part = outputs(steps.only(active, measured), inputs)
        whole = outputs(steps, inputs)
        inside = (..., slice(8, 32), slice(8, 36))
        cut_out = outputs(network, [X[inside] for X in inputs])
    assert difference(whole[inside], part[inside]) < 0.3 * difference(whole[inside], cut_out)
