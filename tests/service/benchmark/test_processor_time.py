"""Processor time of a process and its children, as the system counts it."""

import subprocess
import sys
from pathlib import Path

import pytest

from echocast.service.benchmark.processor_time import processor_seconds

BUSY = "import time\nwhile time.process_time() < 0.3: pass\nprint('done', flush=True); input()"
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
only_linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@only_linux
def test_the_time_of_children_counts_as_their_parents() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", PARENT, BUSY], **pipes) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        seconds = processor_seconds(parent.pid)
        parent.communicate(b"\n")
    assert seconds is not None
    assert seconds >= 0.25  # the system counts in hundredths


def test_of_a_process_that_is_gone_nobody_knows() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    assert processor_seconds(gone.pid) is None
