"""A recurrent network with a control beside it: the mean of two, one checkpoint, any domain."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from echocast.model.__main__ import app
from echocast.model.errors import ModelError
from echocast.model.inference.tiling import Domain, Window
from echocast.model.network.config import RADAR_CONTROL, RADAR_SMALL
from echocast.model.network.ensemble import join
from echocast.model.network.network import Context, Network
from echocast.model.nowcaster import Nowcaster
from echocast.model.registry import checkpoint
from echocast.model.registry.manifest import read_manifest
from echocast.model.synthetic.storms import storm

SMALL = replace(RADAR_SMALL, hidden_channels=4, layers=3, control_widths=())
CONTROL = replace(RADAR_CONTROL, hidden_channels=(6, 5))
INPUTS, LEADS = 4, 3


def random_network(config, seed):
    torch.manual_seed(seed)
    network = Network(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2)
    return network


@pytest.fixture
def pair():
    return random_network(SMALL, 1), random_network(CONTROL, 2)


def roll_out(network, **options):
    generator = torch.Generator().manual_seed(3)
    frames = torch.rand(2, INPUTS, 1, 16, 24, generator=generator)
    bases = [*frames[:, 1:].unbind(1), *torch.rand(LEADS, 2, 1, 16, 24, generator=generator)]
    context = Context(torch.tensor([5.0, 10.0]), torch.tensor([1.0, 2.0]))
    with torch.inference_mode():
        return list(network.roll_out(frames, bases, torch.ones_like(frames), context, **options))


def test_the_first_forecast_is_the_mean_of_two(pair):
    """Later ones too, but for what the recurrent network is fed with: the joined forecast."""
    k = INPUTS - 1
    ours, theirs, joined = (roll_out(network)[k] for network in (*pair, join(*pair)))
    assert not torch.allclose(ours.frame, theirs.frame, atol=0.05)
    torch.testing.assert_close(joined.frame, (ours.frame + theirs.frame) / 2)
    logits = [prediction.exceedance_logits[:, 0] for prediction in (ours, theirs, joined)]
    torch.testing.assert_close(logits[2], (logits[0] + logits[1]) / 2, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("share", [0, 1])
def test_a_share_of_all_is_one_of_the_two(pair, share):
    expected, joined = roll_out(pair[share]), roll_out(join(*pair, share))
    for one, other in zip(expected, joined, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-4)


def test_a_pair_may_be_joined_with_its_control_once_more(pair):
    joined = join(join(*pair), pair[1])
    for one, other in zip(roll_out(join(*pair, 0.75)), roll_out(joined), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-4)


def test_predictions_of_the_inputs_may_be_left_out(pair):
    joined = join(*pair)
    for one, other in zip(roll_out(joined)[2:], roll_out(joined, first=2), strict=True):
        assert torch.equal(one.frame, other.frame)


def test_both_parts_learn(pair):
    joined = join(*pair)
    frames = torch.rand(1, 2, 1, 8, 8)
    context = Context(torch.tensor([5.0]), torch.tensor([1.0]))
    *_, last = joined.roll_out(frames, [frames[:, 0]] * 3, torch.ones_like(frames), context)
    (last.frame.square().sum() + last.exceedance_logits.square().sum()).backward()
    grads = {name: parameter.grad for name, parameter in joined.named_parameters()}
    for name in ("control.layers.0.conv.weight", "control.head.weight", "head.weight"):
        assert grads[name].abs().sum() > 0, name


def test_tiles_of_a_large_domain_equal_the_whole(pair):
    joined = join(*pair)
    frames = torch.rand(1, 4, 1, 320, 336, generator=torch.Generator().manual_seed(5))
    window = Window(
        frames,
        Context(torch.tensor([5.0]), torch.tensor([1.0])),
        torch.ones(1, 320, 336, dtype=torch.bool),
    )
    whole, tiled = Domain(joined).run(window), Domain(joined, memory=2**22).run(window)
    assert Domain(joined, memory=2**22).most_pixels < 320 * 336
    assert float((whole.frames - tiled.frames).abs().quantile(0.999)) * 70 < 0.5


@pytest.mark.parametrize(
    "changes", [{"kernel": 5}, {"base": "newest"}, {"exceedance_thresholds_dbz": (20.0,)}]
)
def test_a_pair_that_differs_is_refused(pair, changes):
    other = Network(replace(CONTROL, **changes))
    with pytest.raises(ModelError, match="agree in all but their layers"):
        join(pair[0], other)


def test_another_control_than_the_one_beside_it_is_refused(pair):
    other = Network(replace(CONTROL, hidden_channels=(5, 6)))
    with pytest.raises(ModelError, match="agree in all but their layers"):
        join(join(*pair), other)


def test_two_recurrent_networks_are_refused(pair):
    with pytest.raises(ModelError, match="a 'control', not 'mim'"):
        join(pair[0], pair[0])


@pytest.mark.parametrize(
    "changes",
    [{"coordinates": "eulerian", "base": "newest"}, {"family": "control", "layers": 2}],
    ids=["eulerian", "beside itself"],
)
def test_a_control_in_the_wrong_place_is_refused(changes):
    with pytest.raises(ModelError, match="beside a recurrent network"):
        replace(RADAR_SMALL, control_widths=(4, 4), hidden_channels=4, **changes)


def test_the_command_writes_a_checkpoint_that_serves(pair, tmp_path):
    for name, network in zip(("mim", "control"), pair, strict=True):
        checkpoint.save(network, tmp_path / name / "1", {})
    released = tmp_path / "both" / "1"
    arguments = ["train", "join", str(tmp_path / "mim" / "1"), str(tmp_path / "control" / "1")]
    result = CliRunner().invoke(app, [*arguments, "--output", str(released), "--share", "0.4"])
    assert result.exit_code == 0, result.output
    network, identity = checkpoint.load(released)
    assert network.config == replace(SMALL, control_widths=(6, 5))
    frames = storm(2, frames=10, height=40, width=44)
    fast, plain = Nowcaster.load(released), Nowcaster(network, identity)
    forecasts = [nowcaster.nowcast(frames).frames.reflectivity_dbz for nowcaster in (fast, plain)]
    np.testing.assert_allclose(*forecasts, atol=0.05)


def test_a_network_takes_another_base_with_the_weights_it_has(pair, tmp_path):
    before, after = tmp_path / "mim" / "1", tmp_path / "mim" / "2"
    checkpoint.save(pair[0], before, {"trained_steps": 7})
    arguments = ["train", "rebase", str(before), "--base", "damped", "--output", str(after)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    network, identity = checkpoint.load(after)
    assert network.config == replace(pair[0].config, base="damped")
    assert identity.weights_sha256 == checkpoint.load(before)[1].weights_sha256
    assert read_manifest(after)["trained_steps"] == 7
    arguments[4] = "newest"
    assert "aperiodic" in CliRunner().invoke(app, arguments).output
