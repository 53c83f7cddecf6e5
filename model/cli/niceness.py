"""Niceness: how much work leaves the CPU to others on the same machine."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

SESSION = Path("/proc/self/autogroup")


def yield_to_others(niceness: int) -> None:
    """Lower the priority of this process, and of its session where it leads one.

    Linux with autogroups (sched(7)) weighs the niceness of a process against those of its own
    session only; all sessions have the same share of the CPU, unless they are given a niceness too.
    A session that another process leads, e.g. a terminal's, stays as it is.

    Args:
        niceness: 0 to 19: from the usual priority to the lowest.
    """
    os.nice(niceness)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # another system, or one without autogroups
            SESSION.write_text(str(niceness))
