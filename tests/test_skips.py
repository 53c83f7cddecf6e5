"""The last line of a run, with and without processes that test side by side."""

import subprocess
import sys

import pytest

from tests.patience import PATIENCE_SECONDS
from tests.test_leaks import environment

SKIPPING = """
import pytest

@pytest.mark.parametrize("number", range(3))
def test_needs_a_program(number):
    pytest.skip("prometheus is not installed")

@pytest.mark.skip(reason="no radar")
def test_needs_radar(): pass

def test_passes(): pass
"""


def last_lines(folder, program, *options):
    (folder / "test_small.py").write_text(program)
    (folder / "none.ini").touch()
    words = ["-q", "-p", "tests.skips", "-p", "no:cacheprovider", "-c", "none.ini", *options]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "test_small.py"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return done.stdout.splitlines()[-2:]


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n2")], ids=["alone", "side by side"])
def test_the_last_line_groups_skipped_tests_by_reason(tmp_path, options):
    counts, skipped = last_lines(tmp_path, SKIPPING, *options)
    assert counts.startswith("1 passed, 4 skipped in")
    assert skipped == "4 tests were skipped. 3: prometheus is not installed; 1: no radar"


def test_a_run_without_skipped_tests_says_so(tmp_path):
    counts, skipped = last_lines(tmp_path, "def test_passes(): pass")
    assert counts.startswith("1 passed in")
    assert skipped == "No test was skipped."
