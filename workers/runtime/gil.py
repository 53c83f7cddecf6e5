"""How long a thread may hold the interpreter's lock while others wait for it."""

from __future__ import annotations

import sys

# Threads of the network, of files and of OpenCV come back from compiled code many times a forecast
# and wait this long for the lock (Python's own 5 ms): longer than most of what they then do.
SWITCH_INTERVAL_SECONDS = 0.0005


def set_switch_interval() -> None:
    """Let the threads of this process switch ten times as often as Python does by itself."""
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
