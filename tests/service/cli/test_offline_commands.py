"""Commands that work without a server: ended with their process, refusals with their status."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path


def test_who_ends_the_command_ends_its_work(tmp_path: Path) -> None:
    months = tmp_path / "months" / "0.json.gz"
    months.parent.mkdir()
    months.write_bytes(gzip.compress(b'{"nothing": []}'))  # told at once; the others take minutes
    command = [
        sys.executable,
        "-m",
        "echocast.service.cli.main",
        "simulate",
        str(tmp_path),
        "--seeds",
        "1",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        assert b"seed 0" in running.stderr.readline()
        running.terminate()
        running.communicate(timeout=30)  # the pipes end when nobody holds them any more
    assert running.returncode != 0


def test_a_refusal_is_told_with_its_status(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "echocast.service.cli.main", "simulate", str(tmp_path)]
    done = subprocess.run(
        [*command, "--scenario", "nonsense"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "'nonsense' is none of them." in done.stderr
