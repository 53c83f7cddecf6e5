"""The control remembers nothing, starts as its base, and goes the way of every other network."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from echocast.model.__main__ import app
from echocast.model.errors import ModelError
from echocast.model.network import convolutional
from echocast.model.network.config import PRESETS, RADAR_CONTROL
from echocast.model.network.network import SCALE_DBZ, Context, Network
from echocast.model.nowcaster import Nowcaster
from echocast.model.registry import checkpoint
from echocast.model.synthetic.storms import storm
from echocast.model.training.windows import WindowInfo, WindowStore, clean, extract_crops

TINY = replace(RADAR_CONTROL, hidden_channels=4)
INPUTS, LEADS = 4, 3


def random_control():
    torch.manual_seed(2)
    network = Network(TINY).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    return network


def fields(seed, count):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, count, 1, 16, 24, generator=generator)


def forecast(network, frames, bases):
    shown = [*frames[:, :-1].unbind(1), *bases.unbind(1)]
    context = Context(torch.tensor([5.0]), torch.tensor([1.0]))
    with torch.inference_mode():
        rolled = list(network.roll_out(frames, shown, torch.ones_like(frames), context))
    return torch.stack([prediction.frame for prediction in rolled[-LEADS:]], 1)


def test_each_lead_is_answered_by_itself():
    """Another base at one lead changes the answer at that lead and at no other."""
    network, frames, bases = random_control(), fields(1, INPUTS), fields(2, LEADS)
    changed = bases.clone()
    changed[:, 1] = fields(3, 1)[:, 0]
    before, after = forecast(network, frames, bases), forecast(network, frames, changed)
    assert [bool((before[:, k] != after[:, k]).any()) for k in range(LEADS)] == [False, True, False]


def test_only_the_last_two_frames_count():
    network, frames, bases = random_control(), fields(1, INPUTS), fields(2, LEADS)
    other = torch.cat([fields(4, INPUTS - 2), frames[:, -2:]], 1)
    assert torch.equal(forecast(network, frames, bases), forecast(network, other, bases))
    other[:, -2] = 0
    assert not torch.equal(forecast(network, frames, bases), forecast(network, other, bases))


def test_an_untrained_control_is_its_base():
    frames, bases = fields(1, INPUTS), fields(2, LEADS)
    assert torch.equal(forecast(Network(TINY), frames, bases), bases)


def test_the_view_holds_tendency_and_shares_of_the_neighbourhood():
    frames = torch.zeros(1, 2, 1, 20, 20)
    frames[0, 1, 0, 10, 10] = 35 / SCALE_DBZ
    newest, tendency, *shares = convolutional.view(frames, SCALE_DBZ)[0]
    assert torch.equal(newest, tendency)
    assert [float(share[10, 10]) for share in shares] == pytest.approx([1 / 81, 1 / 81, 0])
    assert [float(share.max()) for share in shares] == pytest.approx([1 / 81, 1 / 81, 0])
    assert float(shares[0][10, 15]) == 0
    alone = convolutional.view(frames[:, 1:], SCALE_DBZ)
    assert not alone[0, 1].any()


@pytest.mark.parametrize(
    "changes",
    [{"coordinates": "eulerian", "base": "newest"}, {"equations": "reference"}],
    ids=["eulerian", "reference"],
)
def test_a_control_without_its_inputs_is_refused(changes):
    with pytest.raises(ModelError, match="'lagrangian'"):
        replace(TINY, **changes)


def test_a_control_is_trained_released_and_serves_like_any_network(tmp_path, monkeypatch):
    monkeypatch.setitem(PRESETS, "radar-control", TINY)
    frames = clean(storm(1, frames=16, height=96, width=96).reflectivity_dbz)
    info = WindowInfo("storm", 6.0, 1.0, 8, 8)
    crops = extract_crops(frames, 8, 6, 32, np.random.default_rng(1))
    WindowStore.save(tmp_path / "windows", [(counts, info) for counts in crops])
    run, released = str(tmp_path / "run"), tmp_path / "control" / "1"
    settings = ["--preset", "radar-control", "--steps", "3", "--batch", "2", "--threads", "1"]
    for arguments in (
        ["train", "network", str(tmp_path / "windows"), "--output", run, *settings],
        ["train", "release", run, "--output", str(released)],
    ):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
    assert checkpoint.load(released)[0].config == TINY
    nowcast = Nowcaster.load(released).nowcast(storm(2, frames=10, height=40, width=44))
    assert nowcast.frames.reflectivity_dbz.shape == (10, 40, 44)
    assert nowcast.exceedance_probability is not None
    assert (np.diff(np.nan_to_num(nowcast.exceedance_probability), axis=0) <= 0).all()
