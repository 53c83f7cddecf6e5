"""The golden input: sense is let through, nonsense is told apart."""

import json

import numpy as np
import pytest
import torch

from echocast.model import acceptance
from echocast.model.errors import CheckpointError
from echocast.model.forecast import ModelIdentity
from echocast.model.network.config import RADAR_SMALL, replace
from echocast.model.network.network import Network
from echocast.model.nowcaster import Nowcaster
from echocast.model.registry import checkpoint
from echocast.model.registry.manifest import read_manifest
from echocast.model.registry.reader import SHIPPED
from echocast.model.registry.registry import Registry

TINY = replace(RADAR_SMALL, hidden_channels=4)


def network(deviation: float = 0.1) -> Network:
    torch.manual_seed(1)
    made = Network(TINY)
    torch.nn.init.normal_(made.head.weight, std=deviation)
    return made.eval()


def nowcaster(made: Network) -> Nowcaster:
    return Nowcaster(made, ModelIdentity("tiny", "1", ""))


@pytest.fixture
def directory(tmp_path):
    checkpoint.save(network(), tmp_path / "tiny" / "1", {})
    return tmp_path / "tiny" / "1"


def test_the_golden_input_never_changes():
    """Manifests of models in use hold answers to it; a new one needs a new number."""
    frames = acceptance.golden_frames(10)
    values = frames.reflectivity_dbz
    assert values.shape == (10, 72, 88)
    finite = values[np.isfinite(values)]
    assert [len(finite), round(float(finite.mean()), 3), round(float(finite.std()), 3)] == [
        60250,
        24.026,
        9.589,
    ]
    assert acceptance.INPUT == 1


def test_a_described_network_is_let_through_and_a_changed_one_is_not(directory):
    acceptance.describe(directory)
    described = json.loads((directory / "manifest.json").read_text())["golden"]
    assert described["input"] == 1
    assert len(described["mean_dbz"]) == len(described["deviation_db"]) == 10
    acceptance.load_checked(directory)
    described["mean_dbz"][4] += 1
    checkpoint.amend(directory, {"golden": described})
    with pytest.raises(
        CheckpointError, match=r"tiny/1 fails the golden input: its mean_dbz is 1\.0"
    ):
        acceptance.load_checked(directory)


def test_a_description_for_another_input_is_not_compared(directory):
    checkpoint.amend(directory, {"golden": {"input": 99}})
    acceptance.load_checked(directory)


def test_a_network_that_forecasts_nonsense_is_refused():
    with pytest.raises(CheckpointError, match="dB from extrapolation"):
        acceptance.check(nowcaster(network(deviation=30.0)), {})


def test_a_network_that_is_not_finite_is_refused():
    broken = network()
    with torch.no_grad():
        broken.head.bias[:] = float("nan")
    with pytest.raises(CheckpointError, match="golden input"):
        acceptance.check(nowcaster(broken), {})


def test_every_shipped_model_answers_as_when_it_was_published():
    shipped = Registry(SHIPPED)
    for role in ("champion", "canary"):
        directory = shipped.reader.resolve(role)
        assert read_manifest(directory)[acceptance.GOLDEN]["input"] == acceptance.INPUT
        acceptance.load_checked(directory)
