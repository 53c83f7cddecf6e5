"""``python -m echocast.workers`` itself, with a real though tiny network."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from echocast.model.network.config import RADAR_SMALL
from echocast.model.network.network import Network
from echocast.model.registry import checkpoint
from echocast.workers import __main__ as worker_process
from echocast.workers.__main__ import device_name
from echocast.workers.retraining import beat, trainer
from echocast.workers.runtime.machine import usable_cpus
from echocast.workers.runtime.refusal import REFUSED
from tests.patience import PATIENCE_SECONDS
from tests.workers.conftest import World, until
from tests.workers.storms import storm


@pytest.fixture
def models(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    network = Network(replace(RADAR_SMALL, hidden_channels=4))
    checkpoint.save(network, tmp_path / "fake" / "1", {"seed": 1})
    (tmp_path / "aliases.json").write_text('{"champion": "fake/1"}')
    return tmp_path


def start(world: World, models: Path) -> subprocess.Popen[bytes]:
    env = {
        **os.environ,
        "ECHOCAST_DATA_DIR": str(world.settings.data_dir),
        "ECHOCAST_MODELS_DIR": str(models),
        "ECHOCAST_FREE_SPACE_FLOOR_BYTES": "0",
        "ECHOCAST_THREADS": "1",
    }
    worker = subprocess.Popen(
        [sys.executable, "-m", "echocast.workers"], env=env, stderr=subprocess.PIPE
    )
    world.workers.append(worker)
    return worker


def test_a_real_network_answers(world: World, models: Path) -> None:
    worker = start(world, models)
    until(world.jobs.alive_workers)
    niceness = min(19, os.getpriority(os.PRIO_PROCESS, 0) + worker_process.NICENESS)
    assert os.getpriority(os.PRIO_PROCESS, worker.pid) == niceness
    sha = world.archive.put_frames(storm(0, frames=10, first=10, size=32))
    sent = world.submit(storm(0, size=32), observation_sha=sha)
    job = world.end_of(sent.job.id)
    assert job.status == "succeeded"
    assert job.model.name == "fake"
    assert job.verification["sample"]["frames"] == 10
    worker.terminate()
    _, errors = worker.communicate(timeout=PATIENCE_SECONDS)
    assert worker.returncode == 0
    assert b"Traceback" not in errors
    plan = rb"The worker uses \d+ of \d+ CPUs and [\d.]+ of [\d.]+ GiB of memory: 1 threads of"
    assert re.search(plan, errors)


def test_a_missing_champion_is_one_sentence(world: World, tmp_path: Path) -> None:
    (tmp_path / "aliases.json").write_text('{"champion": "nobody/1"}')
    worker = start(world, tmp_path)
    _, errors = worker.communicate(timeout=PATIENCE_SECONDS)
    assert worker.returncode == 1
    assert b"There is no model 'champion'" in errors
    assert b"Traceback" not in errors


@pytest.mark.parametrize("process", [worker_process, trainer, beat])
def test_settings_that_are_refused_are_one_sentence_and_a_code_to_stay_down(
    process: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(worker_process, "set_switch_interval", lambda: None)
    monkeypatch.setattr(worker_process, "limit_arenas", lambda _: None)
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setenv("ECHOCAST_LEASE_SECONDS", "soon")
    with pytest.raises(SystemExit) as ended:
        process.main()
    assert ended.value.code == REFUSED
    (line,) = capsys.readouterr().err.splitlines()
    assert "A setting is invalid: lease_seconds: " in line


def test_a_worker_has_an_arena_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = []
    monkeypatch.setattr(worker_process, "set_switch_interval", lambda: None)
    monkeypatch.setattr(worker_process, "limit_arenas", limits.append)
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(worker_process, "run", lambda _: 0)
    assert worker_process.main() == 0
    assert limits == [usable_cpus()]


def test_the_device_is_what_was_asked_for() -> None:
    assert device_name("cuda:1") == "cuda:1"
    assert device_name("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
