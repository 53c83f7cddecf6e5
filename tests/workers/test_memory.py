"""Freed memory does not stay with the process."""

import subprocess
import sys

import pytest

from workers.memory import resident_bytes

PROGRAM = """
import numpy as np
from workers.memory import Trimmer, resident_bytes
trimmer = Trimmer(slack_bytes=16 * 2**20)
before = resident_bytes()
np.ones(2**21)  # freed at once: from now on the C library keeps arrays of up to 16 MB
arrays = [np.ones(2**17) for _ in range(100)]
pin = np.ones(2**14)
del arrays
held = resident_bytes() - before
trimmer.trim()
print(held // 2**20, (resident_bytes() - before) // 2**20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps freed memory like this")
def test_freed_memory_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    held, left = map(int, done.stdout.split())
    assert held >= 64
    assert left <= 24


def test_this_process_is_resident() -> None:
    assert resident_bytes() > 10 * 2**20
