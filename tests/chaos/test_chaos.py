"""A short run of the chaos command, and one that is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.disk import NO_DISK
from tests.chaos.service import processes_with
from tests.patience import STRETCH
from tests.service.real_processes import eventually

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 540.0 * STRETCH  # some 60 on a machine that does nothing else


def command(report: Path, kills: int, seed: int) -> list[str]:
    options = ["--kills", str(kills), "--seed", str(seed), "--disk-mib", "256"]
    return [sys.executable, "-m", "tests.chaos", *options, "--report", str(report)]


@pytest.mark.timeout(LONGEST_SECONDS + 40)
def test_nothing_is_lost_when_processes_are_killed(tmp_path: Path) -> None:
    chaos = subprocess.run(
        command(tmp_path, kills=7, seed=2),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert chaos.returncode == 0, chaos.stdout[-6000:] + chaos.stderr[-2000:]
    assert "nothing was lost" in (tmp_path / "report.md").read_text()
    if NO_DISK in chaos.stdout:
        pytest.skip(f"{NO_DISK}; all else was")


@pytest.mark.timeout(LONGEST_SECONDS + 40)
def test_an_interrupted_run_leaves_no_process(tmp_path: Path) -> None:
    """It says so by its exit status."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    progress = tmp_path / "progress"
    with progress.open("wb") as output:
        chaos = subprocess.Popen(
            command(tmp_path, kills=50, seed=1), cwd=ROOT, stdout=output, env=environment
        )
    try:
        eventually(lambda: "kills" in progress.read_text(), LONGEST_SECONDS)
        eventually(lambda: len(processes_with(str(tmp_path))) >= 4)  # some may be dead just now
        chaos.send_signal(signal.SIGINT)
        assert chaos.wait(LONGEST_SECONDS) != 0
        eventually(lambda: not processes_with(str(tmp_path)))
    finally:
        chaos.kill()
        chaos.wait()
