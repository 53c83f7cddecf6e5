"""Scheduled sampling: how often truth is fed, drawn by the step alone, and what a network sees."""

from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from echocast.model.__main__ import app
from echocast.model.errors import ModelError
from echocast.model.network.config import PAPER, PRESETS, RADAR_SMALL
from echocast.model.network.network import Context, Network
from echocast.model.training.config import (
    FREE_RUNNING,
    REVERSE,
    SAMPLINGS,
    SCHEDULED,
    Sampling,
    TrainingConfig,
)
from echocast.model.training.distributed import ProcessGroup
from echocast.model.training.loop import train
from echocast.model.training.prefetch import Loader
from echocast.model.training.run import Run
from echocast.model.training.sampler import Sampler
from tests.model.training.training_windows import stored

SMALL = replace(PAPER, hidden_channels=4, kernel=3, layers=2)
SMALL_RADAR = replace(RADAR_SMALL, hidden_channels=4, layers=2, control_widths=(4,))
NO_CONTROL = replace(SMALL_RADAR, control_widths=())  # a control sees the inputs, fed or not
CONFIG = TrainingConfig(SMALL, steps=16, batch=4, seed=4, sampling=SCHEDULED)
ONE = Context(torch.tensor([5.0]), torch.tensor([1.0]))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return stored(tmp_path_factory.mktemp("windows"))


def test_the_chance_of_the_truth_moves_along_a_line_to_that_of_a_forecast():
    assert [SCHEDULED.chances(done) for done in (0, 0.25, 0.625, 1)] == [
        (1, 1),
        (1, 0.6),
        (1, 0),
        (1, 0),
    ]
    assert [REVERSE.chances(done) for done in (0, 0.2, 0.4)] == [(0.5, 0.5), (0.75, 0.25), (1, 0)]
    assert FREE_RUNNING.chances(0) == FREE_RUNNING.chances(1) == (1, 0)


@pytest.mark.parametrize("field", ["inputs", "forecasts", "until"])
def test_a_chance_beyond_one_is_refused(field):
    with pytest.raises(ModelError, match=f"'{field}'.*1.5"):
        Sampling(**{field: 1.5})


@pytest.mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS)
def test_a_configuration_keeps_its_sampling_and_an_old_one_runs_freely(sampling):
    config = replace(CONFIG, sampling=sampling)
    written = config.to_json()
    assert TrainingConfig.from_json(written) == config
    del written["sampling"]
    assert TrainingConfig.from_json(written).sampling == FREE_RUNNING


def test_truth_is_drawn_by_the_step_alone_and_leaves_the_windows_as_they_were(store):
    many = replace(CONFIG, batch=400)
    batch, again = (Sampler([store], many).batch(5) for _ in range(2))
    share, inputs = batch.truth_share, batch.inputs
    assert torch.equal(share, again.truth_share)
    assert (share[:, :inputs] == 1).all()
    assert float(share[:, inputs:].mean()) == pytest.approx(0.5, abs=0.05)
    free = Sampler([store], replace(many, sampling=FREE_RUNNING)).batch(5)
    assert free.truth_share is None
    assert torch.equal(free.frames, batch.frames)
    assert Sampler([store], many).batch(10).truth_share is None  # five eighths are done


def test_the_parts_of_a_group_are_fed_as_the_whole_batch(store):
    half = replace(CONFIG, batch=2)
    parts = [
        Sampler([store], half, ProcessGroup(rank, 2)).batch(5).truth_share for rank in range(2)
    ]
    assert torch.equal(torch.cat(parts), Sampler([store], CONFIG).batch(5).truth_share)


def rolled(config, frames, share, *, valid=None, inputs=3):
    torch.manual_seed(1)
    network = Network(config).eval()
    torch.nn.init.normal_(network.head.weight, std=0.3)
    bases = [*frames[:, :inputs].unbind(1), *[frames[:, inputs - 1]] * (5 - inputs)]
    inputs_shown = torch.ones_like(frames) if valid is None else valid
    with torch.inference_mode():
        made = network.roll_out(frames, bases, inputs_shown, ONE, inputs=inputs, truth_share=share)
        return torch.stack([prediction.frame for prediction in made])


@pytest.fixture
def frames():
    return torch.rand(1, 6, 1, 16, 16, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("config", [SMALL, SMALL_RADAR], ids=["paper", "radar"])
def test_a_share_of_none_afterwards_is_running_freely(config, frames):
    share = torch.tensor([[1.0, 1, 1, 0, 0]])
    assert torch.equal(rolled(config, frames, share), rolled(config, frames, None))
    assert torch.equal(rolled(config, frames, None), rolled(config, frames[:, :3], None))


def test_a_share_of_all_is_one_step_ahead_of_the_truth(frames):
    fed = rolled(SMALL, frames, torch.ones(1, 5))
    assert torch.equal(fed, rolled(SMALL, frames[:, :5], None, inputs=5))


@pytest.mark.parametrize("config", [SMALL, SMALL_RADAR], ids=["paper", "radar"])
def test_a_true_frame_after_the_inputs_is_seen_by_the_next_step_only_where_it_is_fed(
    config, frames
):
    other = frames.clone()
    other[:, 3] = 0
    fed, chances = torch.tensor([[1.0, 1, 1, 1, 0]]), torch.tensor([[1.0, 1, 1, 0, 0]])
    assert torch.equal(rolled(config, frames, chances), rolled(config, other, chances))
    ours, theirs = (rolled(config, window, fed) for window in (frames, other))
    assert torch.equal(ours[:3], theirs[:3])
    assert not torch.equal(ours[3], theirs[3])
    hidden = torch.ones_like(frames)
    hidden[:, 3] = 0
    assert torch.equal(rolled(config, other, fed, valid=hidden), rolled(config, other, chances))


@pytest.mark.parametrize("config", [SMALL, NO_CONTROL], ids=["paper", "radar"])
def test_an_input_that_is_not_fed_is_not_seen(config, frames):
    other = frames.clone()
    other[:, 1] = 0
    share = torch.tensor([[1.0, 0, 1, 0, 0]])
    assert torch.equal(rolled(config, frames, share), rolled(config, other, share))


@pytest.mark.parametrize("network", [SMALL, SMALL_RADAR], ids=["paper", "radar"])
@pytest.mark.parametrize("sampling", [SCHEDULED, REVERSE], ids=["scheduled", "reverse"])
def test_a_killed_run_goes_on_with_the_same_truth(store, tmp_path, network, sampling):
    config = replace(CONFIG, network=network, sampling=sampling, steps=6, batch=2)
    straight = list(train(Run(config, tmp_path / "whole"), Loader(Sampler([store], config))))
    killed = Run(config, tmp_path / "killed")
    first = list(train(killed, Loader(Sampler([store], config)), until=2))
    resumed = Run(config, tmp_path / "killed")
    resumed.resume()
    assert first + list(train(resumed, Loader(Sampler([store], config)))) == straight
    freely = Run(replace(config, sampling=FREE_RUNNING), tmp_path / "killed")
    with pytest.raises(ModelError, match="another configuration"):
        freely.resume()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--preset", "paper"], SCHEDULED),
        (["--preset", "paper", "--sampling", "free-running"], FREE_RUNNING),
        (["--preset", "radar-small"], FREE_RUNNING),
        (["--preset", "radar-small", "--sampling", "reverse"], REVERSE),
    ],
)
def test_the_command_samples_as_the_preset_or_as_it_is_told(
    store, tmp_path, monkeypatch, options, expected
):
    monkeypatch.setitem(PRESETS, "paper", SMALL)
    monkeypatch.setitem(PRESETS, "radar-small", SMALL_RADAR)
    windows = tmp_path / "windows"
    stored(windows)
    words = [
        "train",
        "network",
        windows,
        "--output",
        tmp_path / "run",
        "--steps",
        1,
        "--batch",
        1,
        *options,
    ]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    config = Run.open(tmp_path / "run").config
    assert config.sampling == expected
    assert config.balance == 0  # the squared error of MIM's paper


def test_an_unknown_sampling_is_refused_in_a_sentence(tmp_path):
    words = [
        "train",
        "network",
        str(tmp_path),
        "--output",
        str(tmp_path / "run"),
        "--sampling",
        "always",
    ]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "A sampling is one of free-running" in done.output
