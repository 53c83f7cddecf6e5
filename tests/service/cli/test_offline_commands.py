"""Commands that work without a server: ended with their process, refusals with their status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from echocast import __version__
from echocast.service.cli.main import app
from tests.patience import PATIENCE_SECONDS
from tests.service.streams.stream_feed import frame_bytes

CLI = [sys.executable, "-m", "echocast.service.cli.main"]
ARCHIVE = [*CLI, "archive", "build"]


def test_who_ends_the_command_ends_its_work(tmp_path: Path) -> None:
    file = tmp_path / "0.nc"
    file.write_bytes(frame_bytes(0))
    many = [tmp_path / f"{number}.nc" for number in range(400)]  # that many take minutes
    for link in many[1:]:
        link.hardlink_to(file)
    command = [*ARCHIVE, *map(str, many), "--stream", "radar", "--output", str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        assert b"400" in running.stderr.readline()
        running.terminate()
        # The pipes end when no process holds them any more.
        running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode != 0


def test_a_refusal_is_one_sentence_with_its_status(tmp_path: Path) -> None:
    file = tmp_path / "0.nc"
    file.write_bytes(b"not radar")
    command = [*ARCHIVE, str(file), "--stream", "radar", "--output", str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("echocast: 0.nc must be NetCDF, HDF5")
    assert "Traceback" not in done.stderr


def test_the_version_is_an_option_and_a_command() -> None:
    for words in (["--version"], ["version"]):
        done = CliRunner().invoke(app, words)
        assert (done.exit_code, done.output) == (0, f"echocast {__version__}\n")


@pytest.mark.parametrize("name", ["simulate", "benchmark network", "benchmark streams"])
def test_what_only_developers_need_is_not_installed(name: str) -> None:
    """``python -m experiments.drift_simulation`` and ``python -m benchmarks`` do it."""
    assert CliRunner().invoke(app, name.split()).exit_code == 2
