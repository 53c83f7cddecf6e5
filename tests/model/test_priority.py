"""Long work yields the CPU to others, also to those of other sessions."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os
from model.priority import SESSION, yield_to_others
yield_to_others(7)
print(os.nice(0), SESSION.read_text().split()[-1] if SESSION.exists() else "none")
"""
ENABLED = Path("/proc/sys/kernel/sched_autogroup_enabled")


def niceness(*, leads: bool) -> list[str]:
    """Of a process that yields by 7, and of its session; whether it leads one of its own."""
    command = ["nice", "-n", "1", sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, start_new_session=leads, timeout=60
    )
    return done.stdout.split()


def test_a_process_yields_by_its_niceness():
    own = int(subprocess.run(["nice"], capture_output=True, text=True, check=True).stdout)
    assert int(niceness(leads=False)[0]) == min(19, own + 1 + 7)


def test_only_a_session_of_its_own_yields_with_it():
    if not ENABLED.exists() or ENABLED.read_text().strip() != "1":
        pytest.skip("SESSIONS' PRIORITY NOT TESTED: this kernel has no autogroups")
    ours = Path("/proc/self/autogroup").read_text().split()[-1]
    assert niceness(leads=True)[1] == "7"
    assert niceness(leads=False)[1] == ours
