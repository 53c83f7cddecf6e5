"""The registry: versions are final, one model serves, and the history tells all of it."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import torch

from echocast.model.errors import (
    CheckpointError,
    RegistryConflict,
    RegistryError,
    RegistryFull,
    UnknownModel,
)
from echocast.model.network.config import RADAR_SMALL, replace
from echocast.model.network.network import Network
from echocast.model.registry import checkpoint
from echocast.model.registry.reader import SHIPPED
from echocast.model.registry.registry import Registry
from echocast.model.registry.storage import ABANDONED_SECONDS, Folder
from tests.patience import PATIENCE_SECONDS

ME = {"who": "me", "why": "It is better."}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    torch.manual_seed(1)
    directory = tmp_path_factory.mktemp("made") / "tiny" / "0"
    checkpoint.save(Network(replace(RADAR_SMALL, hidden_channels=4)), directory, {"seed": 1})
    return directory


@pytest.fixture
def shipped(tmp_path, tiny) -> Path:
    root = tmp_path / "shipped"
    shutil.copytree(tiny, root / "tiny" / "0")
    (root / "aliases.json").write_text('{"champion": "tiny/0", "canary": "tiny/0"}')
    return root


@pytest.fixture
def registry(tmp_path, shipped) -> Registry:
    registry = Registry(tmp_path / "models", shipped)
    registry.take_over("test")
    return registry


def publish(registry: Registry, tiny: Path, version: str) -> str:
    staged = registry.stage("tiny")
    shutil.copytree(tiny, staged, dirs_exist_ok=True)
    return registry.publish(staged, "tiny", version).reference


def roles_of(registry: Registry) -> dict[str, str]:
    return dict(registry.reader.roles().by_role)


def test_the_first_start_takes_the_shipped_models_over_and_keeps_them(registry, shipped):
    assert roles_of(registry) == {"champion": "tiny/0", "canary": "tiny/0"}
    assert not (registry.root / "aliases.json").exists()
    (start,) = registry.reader.history()
    assert (start.what, start.who, start.aliases) == ("start", "test", roles_of(registry))
    registry.take_over("again")
    assert len(registry.reader.history()) == 1
    shutil.rmtree(shipped / "tiny")  # another version of Echocast ships other models
    assert registry.reader.resolve() == registry.root / "tiny" / "0"
    checkpoint.load(registry.reader.resolve())


def test_the_models_that_ship_with_echocast_can_be_taken_over(tmp_path):
    registry = Registry(tmp_path / "models")
    assert registry.reader.resolve().is_relative_to(SHIPPED)
    registry.take_over("test")
    assert registry.reader.resolve().is_relative_to(registry.root)
    assert roles_of(registry).keys() == {"champion", "canary"}


def test_the_shipped_folder_is_never_written():
    with pytest.raises(RegistryError, match="never change"):
        Registry().stage("tiny")
    with pytest.raises(RegistryError, match="never change"):
        Registry().promote("radar-small/1.3.0", **ME)


def test_a_promotion_and_two_rollbacks_lead_back_step_by_step(registry, tiny):
    one, two = publish(registry, tiny, "1"), publish(registry, tiny, "2")
    registry.set_alias("challenger", one, **ME)
    registry.promote("challenger", **ME, scores={"csi_30": 0.4})
    registry.promote(two, **ME)
    assert roles_of(registry) == {"champion": two, "previous": one, "canary": "tiny/0"}
    registry.rollback(who="me", why="It is worse.")
    assert roles_of(registry) == {"champion": one, "previous": "tiny/0", "canary": "tiny/0"}
    registry.rollback(**ME)
    assert roles_of(registry) == {"champion": "tiny/0", "canary": "tiny/0"}
    with pytest.raises(RegistryConflict, match="no previous model"):
        registry.rollback(**ME)
    story = [entry.what for entry in registry.reader.history()]
    assert story == ["start", "alias", "promote", "promote", "rollback", "rollback"]
    assert {entry.who for entry in registry.reader.history()[1:]} == {"me"}
    promotion = registry.reader.history()[2]
    assert promotion.scores == {"csi_30": 0.4}
    assert promotion.facts["changed"]["champion"] == {"from": "tiny/0", "to": one}


def test_what_served_at_a_time_has_an_answer(registry, tiny):
    began = registry.reader.history()[0].time
    entry = registry.promote(publish(registry, tiny, "1"), **ME)
    assert registry.reader.serving_at(began) == "tiny/0"
    assert registry.reader.serving_at(entry.time - timedelta(microseconds=1)) == "tiny/0"
    assert registry.reader.serving_at(entry.time) == "tiny/1"
    assert registry.reader.serving_at(datetime.now(UTC)) == "tiny/1"
    assert registry.reader.roles().champion_since == entry.time
    registry.set_alias("challenger", "tiny/0", **ME)
    assert registry.reader.roles().champion_since == entry.time
    assert registry.reader.history_counts() == {"alias": 1, "promote": 1, "start": 1}
    with pytest.raises(UnknownModel, match="begins later"):
        registry.reader.serving_at(began - timedelta(seconds=1))


def test_when_other_models_began_to_serve(registry, tiny):
    assert registry.reader.champion_changes() == []  # the first one came after none
    promoted = registry.promote(publish(registry, tiny, "1"), **ME).time
    registry.set_alias("challenger", "tiny/0", **ME)
    assert registry.reader.champion_changes() == [promoted]
    rolled_back = registry.rollback(**ME).time
    assert registry.reader.champion_changes() == [rolled_back, promoted]
    assert registry.reader.champion_changes(promoted) == [rolled_back]


def test_versions_are_final(registry, tiny):
    publish(registry, tiny, "1")
    with pytest.raises(RegistryConflict, match="tiny/1 already"):
        publish(registry, tiny, "1")
    assert [card.reference for card in registry.reader.models()] == ["tiny/0", "tiny/1"]
    assert registry.reader.card("tiny/1").manifest["version"] == "1"


def test_what_is_staged_is_out_of_sight(registry, tiny):
    shutil.copytree(tiny, registry.stage("tiny"), dirs_exist_ok=True)
    assert [card.reference for card in registry.reader.models()] == ["tiny/0"]


def test_what_a_kill_left_staged_is_removed_after_a_day(registry, tiny):
    left, of_now = registry.stage("tiny"), registry.stage("tiny")
    shutil.copytree(tiny, left, dirs_exist_ok=True)
    yesterday = time.time() - ABANDONED_SECONDS - 60
    os.utime(left, (yesterday, yesterday))
    registry.stage("other")
    assert not left.exists()
    assert of_now.exists()


@pytest.mark.parametrize("name", ["..", "a/b", "", ".hidden", "x" * 65, "a b"])
def test_names_that_are_no_folders_are_refused(registry, tiny, name):
    with pytest.raises(RegistryError, match="letters"):
        registry.stage(name)
    with pytest.raises(RegistryError, match="letters"):
        registry.publish(tiny, "tiny", name)


def test_what_is_no_checkpoint_is_not_published(registry, tiny):
    staged = registry.stage("tiny")
    with pytest.raises(CheckpointError, match="No checkpoint"):
        registry.publish(staged, "tiny", "1")
    shutil.copytree(tiny, staged, dirs_exist_ok=True)
    (staged / "model.safetensors").write_bytes(b"other")
    with pytest.raises(CheckpointError, match="one of them was changed"):
        registry.publish(staged, "tiny", "1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format 2"),
        ({"network": {"family": "gru"}}, "no network family"),
        ({"weights_sha256": "0"}, "one of them was changed"),
    ],
)
def test_a_champion_that_could_not_serve_is_refused_with_the_reason(
    registry, tiny, change, message
):
    directory = registry.root / publish(registry, tiny, "1")
    checkpoint.amend(directory, change)
    with pytest.raises(RegistryConflict, match=message):
        registry.promote("tiny/1", **ME)
    assert registry.reader.reference() == "tiny/0"
    assert len(registry.reader.history()) == 1


def test_a_damaged_neighbour_is_left_out_and_hinders_nobody(registry, tiny, caplog):
    publish(registry, tiny, "1")
    damaged = registry.root / publish(registry, tiny, "2")
    (damaged / "manifest.json").write_text("{")
    assert [card.reference for card in registry.reader.models()] == ["tiny/0", "tiny/1"]
    assert str(damaged) in caplog.text
    with pytest.raises(UnknownModel, match="tiny/1"):
        registry.promote("tiny/9", **ME)


def test_promoting_the_champion_or_nobody_is_refused(registry):
    with pytest.raises(RegistryConflict, match="champion already"):
        registry.promote("tiny/0", **ME)
    with pytest.raises(UnknownModel, match="known are"):
        registry.promote("tiny/9", **ME)


def test_who_expects_another_champion_changes_nothing(registry, tiny):
    one, two = publish(registry, tiny, "1"), publish(registry, tiny, "2")
    registry.promote(one, **ME, expected="tiny/0")
    with pytest.raises(RegistryConflict, match="The champion is tiny/1, not tiny/0"):
        registry.promote(two, **ME, expected="tiny/0")
    with pytest.raises(RegistryConflict, match="nothing was changed"):
        registry.rollback(**ME, expected=two)
    assert registry.reader.reference() == one


def test_the_canary_is_frozen_and_the_champion_is_promoted(registry, tiny):
    one = publish(registry, tiny, "1")
    with pytest.raises(RegistryConflict, match="stays so"):
        registry.set_alias("canary", one, **ME)
    with pytest.raises(RegistryConflict, match="by a promotion"):
        registry.set_alias("champion", one, **ME)


def test_other_deeds_stand_in_the_history_too(registry):
    registry.record("retrain", who="beat", why="A week has gone.", facts={"verdict": "reject"})
    assert registry.reader.history()[-1].facts == {"verdict": "reject"}
    assert registry.reader.roles().champion == "tiny/0"
    with pytest.raises(RegistryConflict, match="changes the aliases"):
        registry.record("promote", **ME, facts={})
    with pytest.raises(RegistryError, match="lower-case"):
        registry.record("../x", **ME, facts={})
    with pytest.raises(RegistryError, match="JSON"):
        registry.record("retrain", **ME, facts={"skill": float("nan")})


def test_without_a_history_a_damaged_file_of_first_roles_is_refused(registry):
    shutil.rmtree(registry.root / "history")
    assert registry.reader.roles().champion == "tiny/0"
    (registry.root / "aliases.json").write_text("nonsense")
    with pytest.raises(CheckpointError, match="damaged"):
        roles_of(registry)


def test_where_the_newest_change_is_damaged_the_one_before_it_holds(registry, tiny, caplog):
    one, two = publish(registry, tiny, "1"), publish(registry, tiny, "2")
    first = registry.promote(one, **ME)
    entry = registry.promote(two, **ME)
    (registry.root / "history" / entry.file_name).write_text("{")
    assert registry.reader.reference() == one
    assert registry.reader.roles().champion_since == first.time
    assert f"{entry.file_name} is damaged" in caplog.text
    assert [e.what for e in registry.reader.history()] == ["start", "promote"]
    with pytest.raises(RegistryError, match="damaged"):
        registry.reader.serving_at(entry.time)
    registry.rollback(**ME)
    assert registry.reader.reference() == "tiny/0"


def write_much(registry: Registry, staged: Path, one: str) -> None:
    registry.publish(staged, "tiny", "2")
    registry.promote(one, **ME)
    registry.rollback(**ME)
    registry.record("retrain", **ME, facts={})


@pytest.mark.parametrize("written", range(10))
def test_a_full_disk_leaves_the_old_state(registry, tiny, monkeypatch, written):
    """Whichever write is the first to find no room."""
    one = publish(registry, tiny, "1")
    staged = registry.stage("tiny")
    shutil.copytree(tiny, staged, dirs_exist_ok=True)
    before = roles_of(registry)
    flushed = os.fsync
    calls = iter(range(100))

    def full(handle: int) -> None:
        if next(calls) >= written:
            raise OSError(errno.ENOSPC, "No space left on device")
        flushed(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RegistryFull, match="No space left"):
        write_much(registry, staged, one)
    monkeypatch.undo()
    holds = roles_of(registry)
    assert holds["champion"] in ("tiny/0", one)
    registry.take_over("test")
    assert roles_of(registry) == holds
    for card in registry.reader.models():
        checkpoint.load(registry.root / card.reference)
    assert before.keys() <= holds.keys()


WRITER = """
import sys
from pathlib import Path
from echocast.model.registry.registry import Registry
registry = Registry(Path(sys.argv[1]), Path(sys.argv[2]))
for number in range(20):
    registry.record("retrain", who=sys.argv[3], why="", facts={"number": number})
    registry.set_alias(sys.argv[3], "tiny/0", who=sys.argv[3], why="")
"""
HOLDER = """
import sys, time
from pathlib import Path
from echocast.model.registry.storage import Folder
with Folder(Path(sys.argv[1])).writing():
    print("held", flush=True)
    time.sleep(60)
"""


def python(program: str, *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_several_writers_write_one_after_the_other(registry, shipped):
    writers = [python(WRITER, registry.root, shipped, role) for role in ("a", "b", "c")]
    assert [writer.wait(PATIENCE_SECONDS) for writer in writers] == [0, 0, 0]
    for writer in writers:
        writer.stdout.close()
    history = registry.reader.history()
    assert len(history) == 1 + 3 * 40
    assert [entry.time for entry in history] == sorted({entry.time for entry in history})
    assert roles_of(registry) == dict.fromkeys(("champion", "canary", "a", "b", "c"), "tiny/0")
    for who in "abc":
        numbers = [e.facts["number"] for e in history if (e.what, e.who) == ("retrain", who)]
        assert numbers == list(range(20))


def test_a_writer_that_is_killed_keeps_nobody_waiting(registry):
    holder = python(HOLDER, registry.root)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(RegistryConflict, match="Another process"), impatient(registry).writing():
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    registry.record("retrain", **ME, facts={})
    assert [entry.what for entry in registry.reader.history()] == ["start", "retrain"]


def impatient(registry: Registry) -> Folder:
    return Folder(registry.root, patience_seconds=0.1)


def test_a_folder_that_cannot_be_written_is_told(tmp_path, shipped):
    (tmp_path / "file").write_text("in the way")
    registry = Registry(tmp_path / "file" / "models", shipped)
    with pytest.raises(RegistryError, match="can't be written"):
        registry.take_over("test")
    assert registry.reader.reference() == "tiny/0"


RACER = """
import sys
from pathlib import Path
from echocast.model.errors import RegistryConflict
from echocast.model.registry.registry import Registry
registry = Registry(Path(sys.argv[1]), Path(sys.argv[2]))
done = 0
for _ in range(15):
    champion = registry.reader.reference()
    try:
        if sys.argv[3] == "promote":
            other = "tiny/2" if champion == "tiny/1" else "tiny/1"
            registry.promote(other, who="a", why="", expected=champion)
        else:
            registry.rollback(who="b", why="", expected=champion)
        done += 1
    except RegistryConflict as error:
        assert "not" in str(error) or "no previous" in str(error), error
print(done)
"""


def test_promotions_during_rollbacks_happen_one_after_the_other(registry, shipped, tiny):
    publish(registry, tiny, "1"), publish(registry, tiny, "2")
    racers = [python(RACER, registry.root, shipped, what) for what in ("promote", "rollback")]
    done = [int(racer.communicate(timeout=PATIENCE_SECONDS)[0]) for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    history = registry.reader.history()
    assert len(history) == 1 + sum(done)
    line = ["tiny/0"]
    for entry in history[1:]:
        line = line[:-1] if entry.what == "rollback" else [*line, entry.aliases["champion"]]
        assert entry.aliases["champion"] == line[-1]
        assert entry.aliases.get("previous") == (line[-2] if len(line) > 1 else None)
    assert registry.reader.reference() == line[-1]
