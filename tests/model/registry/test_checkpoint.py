"""Checkpoints come back as they went, and damage is told."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from echocast.model.errors import CheckpointError, ModelError
from echocast.model.network.config import PRESETS, RADAR_SMALL, NetworkConfig
from echocast.model.network.network import Network
from echocast.model.registry import checkpoint
from echocast.model.registry.reader import RegistryReader
from echocast.model.registry.registry import Registry

TINY = replace(RADAR_SMALL, hidden_channels=4)


@pytest.fixture
def stored(tmp_path):
    torch.manual_seed(1)
    network = Network(TINY)
    torch.nn.init.normal_(network.head.weight)
    directory = tmp_path / "tiny" / "1"
    checkpoint.save(network, directory, {"seed": 1})
    return network, directory


def test_a_checkpoint_comes_back_as_it_went(stored):
    network, directory = stored
    loaded, identity = checkpoint.load(directory)
    assert loaded.config == TINY
    assert (identity.name, identity.version) == ("tiny", "1")
    for key, value in network.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[key])


def test_the_manifest_says_what_the_weights_are(stored):
    manifest = json.loads((stored[1] / "manifest.json").read_text())
    assert manifest["seed"] == 1
    assert manifest["parameters"] == sum(p.numel() for p in stored[0].parameters())
    assert manifest["equals_extrapolation"] is False


def test_a_zero_head_is_said_to_equal_extrapolation(tmp_path):
    for base, equal in (("newest", True), ("damped", False)):
        checkpoint.save(Network(replace(TINY, base=base)), tmp_path / base / "1", {})
        manifest = json.loads((tmp_path / base / "1" / "manifest.json").read_text())
        assert manifest["equals_extrapolation"] is equal


def test_a_flipped_bit_is_found(stored):
    weights = stored[1] / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(CheckpointError, match="one of them was changed"):
        checkpoint.load(stored[1])


def test_a_missing_file_is_told(stored):
    (stored[1] / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="No weights"):
        checkpoint.load(stored[1])
    (stored[1] / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match="No checkpoint"):
        checkpoint.load(stored[1])


def change_manifest(directory, **changes):
    path = directory / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_another_format_is_refused(stored):
    change_manifest(stored[1], format=99)
    with pytest.raises(CheckpointError, match="format 99"):
        checkpoint.load(stored[1])


def test_weights_of_another_network_are_refused(stored):
    change_manifest(stored[1], network=replace(TINY, hidden_channels=8).to_json())
    with pytest.raises(CheckpointError, match="do not fit"):
        checkpoint.load(stored[1])


def test_weights_that_are_not_finite_are_refused(stored):
    path = stored[1] / "model.safetensors"
    tensors = load_file(path)
    tensors["head.weight"][0] = float("nan")
    save_file(tensors, path)
    import hashlib

    change_manifest(stored[1], weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(CheckpointError, match="not finite"):
        checkpoint.load(stored[1])


def test_a_damaged_manifest_is_told(stored):
    (stored[1] / "manifest.json").write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.load(stored[1])


def test_the_registry_finds_versions_and_aliases(stored):
    root = stored[1].parent.parent
    (root / "aliases.json").write_text(json.dumps({"champion": "tiny/1"}))
    registry = Registry(root, shipped=root)
    assert [(c.name, c.version, c.aliases) for c in registry.reader.models()] == [
        ("tiny", "1", ("champion",))
    ]
    assert registry.reader.resolve() == registry.reader.resolve("tiny/1") == stored[1]
    assert registry.reader.card().manifest["seed"] == 1


@pytest.mark.parametrize("reference", ["nobody", "../tiny/1", "tiny/2", ""])
def test_an_unknown_model_is_refused_with_the_known_ones(stored, reference):
    with pytest.raises(CheckpointError, match="known are"):
        RegistryReader(stored[1].parent.parent).resolve(reference)


def test_a_damaged_alias_file_is_told(tmp_path):
    (tmp_path / "aliases.json").write_text("nonsense")
    with pytest.raises(CheckpointError, match="damaged"):
        RegistryReader(tmp_path).resolve()


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_configurations_survive_json(preset):
    config = PRESETS[preset]
    assert NetworkConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"family": "gru"}, "no network family"),
        ({"layers": 1}, "at least 2 layers"),
        ({"kernel": 4}, "odd"),
        ({"exceedance_thresholds_dbz": (30.0, 20.0)}, "increase"),
        ({"residual": False}, "residual"),
    ],
)
def test_impossible_configurations_are_refused(changes, message):
    with pytest.raises(ModelError, match=message):
        replace(RADAR_SMALL, **changes)


def test_an_unknown_field_is_refused():
    with pytest.raises(ModelError, match="unknown fields: \\['depth'\\]"):
        NetworkConfig.from_json({"depth": 3})


def test_facts_can_be_added_to_a_manifest(stored):
    checkpoint.amend(stored[1], {"cuts": [0.5, 0.3]})
    manifest = json.loads((stored[1] / "manifest.json").read_text())
    assert manifest["cuts"] == [0.5, 0.3]
    assert manifest["seed"] == 1
    checkpoint.load(stored[1])
