"""Processes that test side by side begin at both ends of the list of files."""

import subprocess
import sys

from tests.patience import PATIENCE_SECONDS
from tests.test_leaks import environment

FILES = ("test_a.py", "test_b.py", "test_c.py", "test_d.py")
PROGRAM = """
import os, pathlib

def test_which_process_it_is():
    with open(os.environ["PYTEST_XDIST_WORKER"], "a") as files:
        print(pathlib.Path(__file__).name, file=files)
"""


def test_the_first_process_takes_the_first_file_and_the_second_the_last(tmp_path):
    for name in FILES:
        (tmp_path / name).write_text(PROGRAM)
    (tmp_path / "none.ini").touch()
    words = ["-q", "-p", "xdist", "-p", "tests.both_ends", "-p", "no:cacheprovider", "-n2"]
    subprocess.run(
        [sys.executable, "-m", "pytest", *words, "--dist", "loadfile", "-c", "none.ini", *FILES],
        cwd=tmp_path,
        env=environment(),
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    begun = [(tmp_path / process).read_text().split()[0] for process in ("gw0", "gw1")]
    assert begun == [FILES[0], FILES[-1]]
