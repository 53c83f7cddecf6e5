"""Every family member builds, trains, round-trips through a checkpoint and serves."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from echocast.model.__main__ import app
from echocast.model.errors import CheckpointError, ModelError
from echocast.model.network.config import FAMILIES, NetworkConfig
from echocast.model.network.network import Context, Network, depth_to_space, space_to_depth
from echocast.model.network.weight_import import infer_config, read_state_dict, translate
from echocast.model.nowcaster import Nowcaster
from echocast.model.registry import checkpoint
from echocast.model.synthetic.storms import storm
from echocast.model.training.config import TrainingConfig
from echocast.model.training.run import Run
from echocast.model.training.sampler import Batch

PLANES = {
    "residual": True,
    "coordinates": "lagrangian",
    "exceedance_thresholds_dbz": (20.0, 30.0),
}
SMALL = NetworkConfig(layers=3, hidden_channels=4, kernel=3, patch=4)


def batch_of(size=16):
    generator = torch.Generator().manual_seed(1)
    frames = torch.rand(2, 6, 1, size, size, generator=generator)
    context = Context(torch.full((2,), 5.0), torch.ones(2))
    bases = frames[:, 3:4].expand(-1, 2, -1, -1, -1)
    pixels = torch.full((6,), 2.0 * size * size)
    return Batch(frames, torch.ones_like(frames), bases, 4, context, pixels)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_member_trains_round_trips_and_serves(family, tmp_path):
    config = replace(SMALL, family=family, **PLANES)
    run = Run(TrainingConfig(config, steps=4, warm_up=0.5), tmp_path / "run")
    losses = [run.advance(batch_of()).loss for _ in range(4)]
    assert losses[-1] < losses[0]
    checkpoint.save(run.averaged(), tmp_path / family / "1", {})
    forecast = Nowcaster.load(tmp_path / family / "1").nowcast(
        storm(1, frames=10, height=32, width=32)
    )
    assert forecast.frames.reflectivity_dbz.shape == (10, 32, 32)
    assert forecast.model.name == family


@pytest.mark.parametrize("family", FAMILIES)
def test_no_parameter_of_a_family_member_is_idle(family):
    """A gradient reaches every parameter within a few steps."""
    torch.manual_seed(1)
    network = Network(replace(SMALL, family=family))
    batch = batch_of()
    bases = [batch.frames[:, 0]] * 5
    rolled = network.roll_out(batch.frames, bases, batch.valid, batch.context)
    sum(prediction.frame.square().sum() for prediction in rolled).backward()
    idle = [k for k, p in network.named_parameters() if p.numel() and not p.grad.abs().max() > 0]
    assert idle == []


@pytest.mark.parametrize("family", ["mim", "predrnn", "predrnn_plus", "convlstm"])
def test_weights_of_the_public_naming_come_in(family, reference_state_dict):
    theirs, config = reference_state_dict(family)
    inferred = infer_config(theirs, family, patch=2)
    assert inferred == config
    network = Network(inferred)
    network.load_state_dict(translate(theirs, inferred))


@pytest.fixture
def reference_state_dict():
    """Random weights in the public implementations' names, and the configuration they stand for."""

    def make(family):
        C, k, grid, cell = 4, 3, (6, 5), 4

        def conv(name, inputs, gates):
            return {f"{name}.0.weight": torch.randn(gates * C, inputs, k, k)}

        def last(name, inputs=2 * C, outputs=C):
            return {f"{name}.weight": torch.randn(outputs, inputs, 1, 1)}

        def memory(stem):
            return {
                **conv(f"{stem}.conv_x_concat", C, 4),
                **conv(f"{stem}.conv_h_concat", C, 4),
                f"{stem}.ct_weight": torch.randn(2 * C, *grid),
                f"{stem}.oc_weight": torch.randn(C, *grid),
                **last(f"{stem}.conv_last"),
            }

        def st_lstm(stem, inputs):
            sizes = {
                "conv_x": (inputs, 7),
                "conv_h": (C, 4),
                "conv_m": (C, 3),
                "conv_o": (2 * C, 1),
            }
            return merged(stem, sizes)

        def causal(stem, inputs):
            sizes = {
                "conv_x": (inputs, 7),
                "conv_h": (C, 4),
                "conv_c": (C, 3),
                "conv_m": (C, 3),
                "conv_o": (2 * C, 1),
                "conv_c2m": (C, 4),
                "conv_om": (C, 1),
            }
            return merged(stem, sizes)

        def merged(stem, sizes, with_last=True):
            parts = {}
            for name, (inputs, gates) in sizes.items():
                parts |= conv(f"{stem}.{name}", inputs, gates)
            return parts | (last(f"{stem}.conv_last") if with_last else {})

        weights = last("conv_last", C, cell)
        for layer in range(3):
            inputs, stem = (C if layer else cell), f"cell_list.{layer}"
            if family == "mim" and layer == 0:
                weights |= st_lstm("stlstm_layer.0", inputs)
            elif family == "mim":
                sizes = {"conv_x_cc": (C, 4), "conv_t_cc": (C, 3), "conv_s_cc": (C, 4)}
                weights |= merged(f"stlstm_layer.{layer}", sizes) | memory(f"stlstm_layer.{layer}")
                weights |= memory(f"stlstm_layer_diff.{layer - 1}")
            elif family == "predrnn":
                weights |= st_lstm(stem, inputs)
            elif family == "predrnn_plus":
                weights |= causal(stem, inputs)
            else:
                weights |= merged(stem, {"conv_x": (inputs, 4), "conv_h": (C, 4)}, with_last=False)
        if family == "predrnn_plus":
            sizes = {"z_concat": (C, 2), "x_concat": (C, 2)}
            weights |= merged("gradient_highway", sizes, with_last=False)
        config = NetworkConfig(
            family=family,
            equations="reference",
            layers=3,
            hidden_channels=C,
            kernel=k,
            patch=2,
            grid=grid if family == "mim" else None,
        )
        return weights, config

    return make


def test_the_command_imports_a_saved_state_dict(reference_state_dict, tmp_path):
    theirs, config = reference_state_dict("predrnn")
    theirs = {k: v for k, v in theirs.items() if k != "conv_last.weight"}
    theirs["conv_last.weight"] = torch.randn(16, 4, 1, 1)  # patches of 4 pixels
    theirs["cell_list.0.conv_x.0.weight"] = torch.randn(28, 16, 3, 3)
    torch.save({f"module.{name}": value for name, value in theirs.items()}, tmp_path / "weights.pt")
    out = tmp_path / "imported" / "1"
    arguments = ["train", "import-weights", str(tmp_path / "weights.pt"), "--family", "predrnn"]
    result = CliRunner().invoke(app, [*arguments, "--output", str(out)])
    assert result.exit_code == 0, result.output
    network, _ = checkpoint.load(out)
    assert network.config == replace(config, patch=4)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Hostile:
        def __reduce__(self):
            return Path.touch, (tmp_path / "owned",)

    torch.save({"weight": Hostile()}, tmp_path / "hostile.pt")
    with pytest.raises(CheckpointError, match="not a plain state dict"):
        read_state_dict(tmp_path / "hostile.pt")
    assert not (tmp_path / "owned").exists()


def test_a_file_with_more_than_tensors_is_refused(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="more than named tensors"):
        read_state_dict(tmp_path / "other.pt")


def test_a_missing_tensor_is_named(reference_state_dict):
    theirs, config = reference_state_dict("mim")
    del theirs["stlstm_layer.2.conv_s_cc.0.weight"]
    with pytest.raises(CheckpointError, match=r"no tensor 'conv_s_cc.0.weight'"):
        translate(theirs, config)


def test_weights_of_another_family_are_refused(reference_state_dict):
    theirs, _ = reference_state_dict("predrnn")
    with pytest.raises(CheckpointError, match="not of the family 'mim'"):
        infer_config(theirs, "mim", 2)


def test_a_network_tied_to_a_grid_says_so(reference_state_dict):
    _, config = reference_state_dict("mim")
    with pytest.raises(ModelError, match=r"grid of \(6, 5\) patches"):
        Network(config).initial_state(1, 8, 8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"family": "gru"}, "no network family 'gru'"),
        ({"equations": "other"}, "'paper' or 'reference'"),
        ({"family": "mim_star", "equations": "reference"}, "No public implementation"),
        ({"hidden_channels": (4, 4)}, "as many widths"),
        ({"hidden_channels": (4, 8, 4)}, "equal widths"),
        ({"equations": "reference"}, "must name its grid"),
        ({"layer_norm": True}, "reference equations only"),
    ],
)
def test_impossible_family_members_are_refused(changes, message):
    with pytest.raises(ModelError, match=message):
        replace(SMALL, **changes)


@pytest.mark.parametrize("family", ["predrnn_plus", "convlstm"])
def test_widths_may_differ_where_the_equations_allow_it(family):
    network = Network(replace(SMALL, family=family, hidden_channels=(6, 4, 5)))
    batch = batch_of()
    rolled = network.roll_out(batch.frames, [batch.frames[:, 0]] * 2, batch.valid, batch.context)
    assert [prediction.frame.shape for prediction in rolled] == [(2, 1, 16, 16)] * 2


def test_folding_puts_row_then_column_then_channel():
    images = torch.arange(2 * 4 * 4).reshape(1, 2, 4, 4)
    folded = space_to_depth(images, 2)
    row, column, channel = 1, 0, 1
    assert torch.equal(folded[0, (row * 2 + column) * 2 + channel], images[0, channel, row::2, ::2])
    assert torch.equal(depth_to_space(folded, 2), images)
