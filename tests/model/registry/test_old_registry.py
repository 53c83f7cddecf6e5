"""A folder of models that an earlier version wrote: this version serves from it and changes it."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import torch
from typer.testing import CliRunner

from echocast.model.errors import RegistryConflict
from echocast.model.network.config import RADAR_SMALL
from echocast.model.network.network import Network
from echocast.model.registry import checkpoint
from echocast.model.registry.registry import Registry
from echocast.model.retraining.fencing_token import fence_of, raise_fence
from echocast.service.cli.main import app as echocast
from echocast.service.cli.models import sentence
from tests.model.registry.old_registry import PROMOTED, old_registry

ME = {"who": "me", "why": "It is better."}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    torch.manual_seed(1)
    directory = tmp_path_factory.mktemp("made") / "tiny" / "0"
    checkpoint.save(Network(replace(RADAR_SMALL, hidden_channels=4)), directory, {"seed": 1})
    return directory


def files(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("copy", [True, False])
def test_a_folder_with_a_history_is_read_as_it_is(tmp_path, tiny, copy):
    root = old_registry(tmp_path / "models", tiny, copy=copy)
    before, registry = files(root), Registry(root)
    registry.take_over("this version")
    roles = registry.reader.roles()
    assert roles.by_role == {"champion": "tiny/1", "canary": "tiny/0", "previous": "tiny/0"}
    assert roles.champion_since == registry.reader.history()[3].time
    assert f"{roles.champion_since:%Y%m%dT%H%M%S}" == PROMOTED[:15]
    assert registry.reader.serving_at(datetime(2026, 6, 5, tzinfo=UTC)) == "tiny/0"
    assert checkpoint.load(registry.reader.resolve())[1].version == "1"
    assert files(root) == before  # nothing is written for being read


@pytest.mark.parametrize("copy", [True, False])
def test_a_folder_with_a_history_goes_on(tmp_path, tiny, copy):
    registry = Registry(old_registry(tmp_path / "models", tiny, copy=copy))
    registry.rollback(**ME, expected="tiny/1")
    assert registry.reader.roles().by_role == {"champion": "tiny/0", "canary": "tiny/0"}
    with pytest.raises(RegistryConflict, match="no previous model"):
        registry.rollback(**ME)
    registry.promote("tiny/1", **ME)
    assert registry.reader.roles().previous == "tiny/0"
    registry.record("retrain", **ME, facts={"verdict": "reject"})
    counts = {"alias": 1, "mend": 1, "promote": 2, "retrain": 2, "rollback": 1, "start": 1}
    assert registry.reader.history_counts() == counts


def test_the_copy_of_the_roles_decides_nothing_once_there_is_a_history(tmp_path, tiny):
    root = old_registry(tmp_path / "models", tiny)
    (root / "aliases.json").write_text(json.dumps({"champion": "tiny/9"}))
    registry = Registry(root)
    assert registry.reader.roles().champion == "tiny/1"
    registry.rollback(**ME)
    assert json.loads((root / "aliases.json").read_text()) == {"champion": "tiny/9"}


def test_without_a_history_the_file_holds_the_first_roles(tmp_path, tiny):
    registry = Registry(old_registry(tmp_path / "models", tiny, history=False))
    registry.take_over("this version")
    assert registry.reader.roles().champion == "tiny/1"
    assert registry.reader.roles().champion_since is None
    registry.rollback(**ME)
    assert registry.reader.roles().champion == "tiny/0"
    assert registry.reader.history()[-1].facts["changed"]["champion"]["from"] == "tiny/1"


def test_without_both_the_shipped_models_serve(tmp_path, tiny):
    registry = Registry(old_registry(tmp_path / "models", tiny, copy=False, history=False))
    registry.take_over("this version")
    assert registry.reader.roles().champion.startswith("radar-small/")
    registry.promote("tiny/1", **ME)
    assert registry.reader.roles().champion == "tiny/1"


def test_the_models_are_listed_with_their_roles(tmp_path, tiny):
    old_registry(tmp_path / "models", tiny, copy=False)
    listed = CliRunner().invoke(echocast, ["models", "--data", str(tmp_path)])
    assert listed.exit_code == 0
    lines = [line.split() for line in listed.stdout.splitlines() if line.startswith("tiny/")]
    assert lines == [["tiny/0", "canary,", "previous"], ["tiny/1", "champion"]]


def test_a_retraining_of_then_is_shown_and_its_number_is_still_the_highest(tmp_path, tiny):
    registry = Registry(old_registry(tmp_path / "models", tiny))
    shown = sentence(registry.reader.history()[1], registry.root)
    assert "Promoted: tiny/1" in shown
    assert (registry.root / "reports" / "20260608" / "index.html").name in shown
    assert fence_of(registry.root) == 7
    with pytest.raises(RegistryConflict, match="number 7"):
        raise_fence(registry.root, 6)
