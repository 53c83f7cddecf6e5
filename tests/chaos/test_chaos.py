"""A short run of the chaos command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.disk import NO_DISK

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 540.0  # some 60 on a machine that does nothing else


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
