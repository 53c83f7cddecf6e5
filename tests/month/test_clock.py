"""The driven clock: one for all processes, times of files included, and monotonic clocks run on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.month.clock import DrivenClock

START = datetime(2027, 3, 1, tzinfo=UTC)
LOOK = """
import json, os, sys, time
path = sys.argv[1]
open(path, "w").close()
while sys.stdin.readline():
    ages = [time.time() - os.stat(path).st_mtime]
    ages += [time.time() - entry.stat().st_mtime for entry in os.scandir(os.path.dirname(path))]
    print(json.dumps([time.time(), time.monotonic(), *ages]), flush=True)
"""


def test_a_jump_is_one_for_all_processes_and_their_files(tmp_path: Path) -> None:
    (tmp_path / "clock").mkdir()
    (tmp_path / "files").mkdir()
    clock = DrivenClock(tmp_path / "clock", START)
    looking = subprocess.Popen(
        [sys.executable, "-c", LOOK, str(tmp_path / "files" / "written")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **clock.environment},
    )
    with looking:
        before = _looked(looking)
        clock.jump_to(START + timedelta(days=3))
        after = _looked(looking)
    assert looking.stdin is not None
    day = 86400.0
    assert START.timestamp() <= before[0] < START.timestamp() + day / 2
    assert after[0] - before[0] >= 2 * day
    assert after[1] - before[1] < day / 2  # monotonic: only what passed
    assert all(age < day / 2 for age in before[2:])
    assert all(age >= 2 * day for age in after[2:])


def test_the_clock_never_goes_back(tmp_path: Path) -> None:
    clock = DrivenClock(tmp_path, START)
    clock.jump_to(START + timedelta(hours=1))
    clock.jump_to(START)
    assert clock.now >= START + timedelta(hours=1)


def test_a_process_without_the_variables_of_its_parent_has_the_clock_too(tmp_path: Path) -> None:
    """As a child that reads uploads: it is started with few variables, and PYTHONPATH."""
    clock = DrivenClock(tmp_path, START)
    done = subprocess.run(
        [sys.executable, "-c", "import datetime; print(datetime.datetime.now(datetime.UTC).year)"],
        env={"PYTHONPATH": clock.environment["PYTHONPATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) == START.year


def _looked(process: subprocess.Popen[str]) -> list[float]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    values: list[float] = json.loads(process.stdout.readline())
    return values
