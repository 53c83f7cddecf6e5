"""Disks of a test's own: a process in a mount namespace, which root may make, and most users."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.patience import PATIENCE_SECONDS


def run_with_own_mounts(module: str, *arguments: str) -> str:
    """What ``python -m module`` prints, run where it may mount; skips where nobody may."""
    root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    unshare = ["unshare", "--mount", *root]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], check=False).returncode:
        pytest.skip("no mount namespace can be made here (unshare --mount)")
    done = subprocess.run(
        [*unshare, sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
