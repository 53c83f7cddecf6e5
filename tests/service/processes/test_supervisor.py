"""How a tree of processes ends: kind after kind, those of one kind together."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from echocast.service.processes import supervisor
from echocast.service.processes.supervisor import Role, Supervisor
from tests.patience import PATIENCE_SECONDS
from tests.service.real_processes import eventually

START = """
import os, signal, sys, time
from pathlib import Path
here, name = Path(os.environ["HERE"]), os.environ.get("NAME", "engine")
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(name))
(here / f"{name} runs").touch()
while not asked:
    time.sleep(0.02)
(here / f"{name} asked").touch()
"""
END = """
with (here / "ended").open("a") as ended:
    ended.write(name + "\\n")
"""
WAIT_FOR_ALL = """
while len(list(here.glob("worker * asked"))) < 3:
    time.sleep(0.02)
"""
LINGER = """
time.sleep(3600)
"""


def ended(folder: Path, worker: str) -> list[str]:
    """Who ended by itself, in order, where an engine and three workers are stopped."""
    (folder / "an_engine.py").write_text(START + END)
    (folder / "a_worker.py").write_text(START + worker + END)
    workers = [Role(f"w{n}", "a_worker", {"NAME": f"worker {n}"}) for n in (1, 2, 3)]
    settings = {"HERE": str(folder), "PYTHONPATH": str(folder)}
    tree = Supervisor([Role("engine", "an_engine"), *workers], settings)
    try:
        tree.start()
        eventually(lambda: len(list(folder.glob("* runs"))) == 4)
    finally:
        tree.stop()
    assert not any(role.process for role in tree.roles)
    return (folder / "ended").read_text().splitlines()


def test_roles_of_one_kind_are_asked_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each worker ends only when all have been asked, the engine after them."""
    monkeypatch.setattr(supervisor, "STOP_SECONDS", PATIENCE_SECONDS)
    *workers, last = ended(tmp_path, WAIT_FOR_ALL)
    assert sorted(workers) == ["worker 1", "worker 2", "worker 3"]
    assert last == "engine"


def test_roles_of_one_kind_share_one_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who lingers has no more time for another one's lingering, and is ended."""
    deadlines, end = defaultdict(set), Role.end

    def noted(role: Role, deadline: float) -> None:
        """The time is over at once for workers, and never for the engine."""
        deadlines[role.module].add(deadline)
        end(role, deadline - PATIENCE_SECONDS if role.module == "a_worker" else deadline)

    monkeypatch.setattr(supervisor, "STOP_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(Role, "end", noted)
    assert ended(tmp_path, LINGER) == ["engine"]
    assert {kind: len(times) for kind, times in deadlines.items()} == {
        "a_worker": 1,
        "an_engine": 1,
    }
