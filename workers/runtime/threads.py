"""Threads of a process: how many libraries start, and how often they switch."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

from echocast.workers.runtime.machine import usable_cpus, visible_cpus

# Threads of the network, of files and of OpenCV come back from compiled code many times a forecast
# and wait this long for the interpreter's lock (Python's own 5 ms): longer than most of what they
# then do.
SWITCH_INTERVAL_SECONDS = 0.0005


def limit_libraries(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let OpenMP and OpenBLAS start no more threads than a container has CPUs.

    They read the environment when they are loaded, and count the host's CPUs by themselves.
    """
    if (cpus := usable_cpus()) < visible_cpus():
        environment.setdefault("OMP_NUM_THREADS", str(cpus))


def set_switch_interval() -> None:
    """Let the threads of this process switch ten times as often as Python does by itself."""
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
