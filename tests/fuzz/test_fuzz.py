"""A short run of the fuzz command: all inputs that once did harm, and some hundred changed ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
COUNT = 800  # bounds the run on any machine; more than half of them did harm once


def test_hostile_input_has_clear_answers(tmp_path: Path) -> None:
    command = ["-m", "tests.fuzz", "--count", str(COUNT), "--seconds", "60", "--seed", "7"]
    fuzz = subprocess.run(
        [sys.executable, *command, "--keep", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_SECONDS,
    )
    assert fuzz.returncode == 0, fuzz.stdout[-5000:] + fuzz.stderr[-2000:]
    assert "0 without a clear answer" in fuzz.stdout
