"""What a run says of its processor time."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.processor_time import PROPERTY, summary
from tests.test_leaks import environment

BUSY = """
import subprocess, sys, time

CHILD = "import time\\nwhile time.process_time() < 0.5: pass"

def test_alone():
    start = time.process_time()
    while time.process_time() < start + 0.3: pass

def test_with_a_child():
    subprocess.run([sys.executable, "-c", CHILD], check=True)
"""


# The second one ends a child whose own child, which has been counted, is then nobody's.
ORPHANS = """
import subprocess, sys

BUSY = "import time\\nwhile time.process_time() < 0.5: pass\\nprint(flush=True); input()"
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
started = []

def test_with_a_family():
    words = [sys.executable, "-c", PARENT, BUSY]
    started.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    started[0].stdout.readline()

def test_that_ends_it():
    started[0].kill()
    started[0].communicate()
"""
only_linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def seconds_of(folder: Path, *options: str) -> tuple[dict[str, float], str]:
    """Processor time of each test in a folder, and the last line of their run."""
    (folder / "none.ini").touch()
    words = ["-q", "-p", "tests.processor_time", "-p", "no:cacheprovider", "-c", "none.ini"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "--junitxml=out.xml", *options, "."],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    cases = ElementTree.parse(folder / "out.xml").iter("testcase")
    seconds = {
        c.get("name"): float(c.find(f".//*[@name='{PROPERTY}']").get("value")) for c in cases
    }
    return seconds, done.stdout.splitlines()[-1]


@only_linux
@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n2")], ids=["alone", "side by side"])
def test_children_count_for_the_test_that_runs_them(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "test_busy.py").write_text(BUSY)
    (tmp_path / "test_idle.py").write_text("def test_idle(): pass")
    seconds, last = seconds_of(tmp_path, *options)
    assert seconds["test_alone"] >= 0.25  # the system counts in hundredths
    assert seconds["test_with_a_child"] >= 0.45
    assert seconds["test_idle"] < seconds["test_alone"]
    assert re.match(r"Processor time [\d.]+ min\. Most in: test_busy\.py \d+ s, test_idle", last)


@only_linux
def test_what_the_system_forgets_is_taken_from_no_test(tmp_path: Path) -> None:
    (tmp_path / "test_orphans.py").write_text(ORPHANS)
    seconds, _ = seconds_of(tmp_path)
    assert seconds["test_with_a_family"] >= 0.45
    assert seconds["test_that_ends_it"] >= 0


def test_the_files_that_took_most_come_first() -> None:
    line = summary(Counter({"a.py": 10.0, "b.py": 170.0}))
    assert line == "Processor time 3.0 min. Most in: b.py 170 s, a.py 10 s"
