"""Packages that work with ours and are no dependency: where ``make peers`` puts them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[3]
PEERS = Path(os.environ.get("ECHOCAST_TEST_PEERS", ROOT / "build" / "peers"))
PLAIN_STEPS = "import sys\nsys.modules['numba'] = None\n"  # to compile kernels takes a minute


def peer(name: str) -> Path:
    """The folder of an importable package; the test is skipped where it is not there."""
    folder = PEERS / name
    if not folder.is_dir():
        pytest.skip(f"{name.upper()} IS NOT INSTALLED: `make peers` installs it where it can")
    return folder


def run_beside_peers(code: str, folder: Path) -> str:
    """What code prints that runs in a folder and can import peers; it must succeed."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{PEERS}"}
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_STEPS + code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done.stdout
