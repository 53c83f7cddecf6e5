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


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n2")], ids=["alone", "side by side"])
def test_children_count_for_the_test_that_runs_them(tmp_path: Path, options: list[str]) -> None:
    for name in ("test_busy.py", "test_idle.py"):
        (tmp_path / name).write_text(BUSY if "busy" in name else "def test_idle(): pass")
    (tmp_path / "none.ini").touch()
    words = ["-q", "-p", "tests.processor_time", "-p", "no:cacheprovider", "-c", "none.ini"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "--junitxml=out.xml", *options, "."],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    cases = ElementTree.parse(tmp_path / "out.xml").iter("testcase")
    seconds = {
        c.get("name"): float(c.find(f".//*[@name='{PROPERTY}']").get("value")) for c in cases
    }
    assert seconds["test_alone"] >= 0.25  # the system counts in hundredths
    assert seconds["test_with_a_child"] >= 0.45
    assert seconds["test_idle"] < seconds["test_alone"]
    last = done.stdout.splitlines()[-1]
    assert re.match(r"Processor time [\d.]+ min\. Most in: test_busy\.py \d+ s, test_idle", last)


def test_the_files_that_took_most_come_first() -> None:
    line = summary(Counter({"a.py": 10.0, "b.py": 170.0}))
    assert line == "Processor time 3.0 min. Most in: b.py 170 s, a.py 10 s"
