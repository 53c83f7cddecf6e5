"""Threads of a process: the CPUs that they may use, and how often they switch."""

from __future__ import annotations

import os
import sys

# Threads of the network, of files and of OpenCV come back from compiled code many times a forecast
# and wait this long for the interpreter's lock (Python's own 5 ms): longer than most of what they
# then do.
SWITCH_INTERVAL_SECONDS = 0.0005


def usable_cpus() -> int:
    """CPUs this process may use; all of them where the system can't say."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def set_switch_interval() -> None:
    """Let the threads of this process switch ten times as often as Python does by itself."""
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
