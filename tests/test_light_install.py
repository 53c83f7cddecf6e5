"""Without the extra ``service``: Python calls work, the service says what is missing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from echocast.model.formats.forecast_writer import write_frames
from echocast.model.synthetic.storms import storm
from echocast.service.cli.installed import PACKAGES
from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[1]
BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
"""
COMMAND = "from echocast.service.cli.main import main\nmain()\n"
NOTEBOOK = """
import numpy as np, sys

import echocast

sys.modules["numba"] = None  # plain steps: to compile the kernels anew takes a minute
radar = echocast.read("event.nc")
forecast = echocast.nowcast(radar.isel(time=slice(10)))
verification = echocast.verify(forecast, radar)
print(echocast.rain_amount(forecast).dims, verification.frames.values.tolist())
"""


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def run(code: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a folder, where importing a part of the service fails."""
    return subprocess.run(
        [sys.executable, "-c", BLOCKED.format(packages=set(PACKAGES)) + code, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


def test_the_packages_that_are_looked_for_are_those_of_the_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = {re.split(r"[\[>=<]", name)[0] for name in project["optional-dependencies"]["service"]}
    distributions = packages_distributions()
    looked_for = {name for package in PACKAGES for name in distributions[package]}
    assert {normalised(name) for name in looked_for} == {normalised(name) for name in extra}


def test_a_notebook_needs_no_part_of_the_service(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("raise ImportError('This module is not of Echocast.')\n")
    write_frames(storm(5, frames=12, height=32, width=32), tmp_path / "event.nc")
    done = run(NOTEBOOK, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "('time', 'y', 'x') [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]\n"


@pytest.mark.parametrize("command", ["up", "gateway", "worker"])
def test_the_service_says_in_one_sentence_what_is_missing(command: str, tmp_path: Path) -> None:
    done = run(COMMAND, tmp_path, command)
    assert done.returncode == 78
    assert "pip install 'echocast[service]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_help_and_version_need_no_part_of_the_service(tmp_path: Path) -> None:
    for arguments in (["--help"], ["version"], ["check", "--help"]):
        done = run(COMMAND, tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
