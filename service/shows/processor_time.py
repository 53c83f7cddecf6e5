"""Processor time of processes and their children, where the system tells it (Linux)."""

from __future__ import annotations

import os
from pathlib import Path

PROCESSES = Path("/proc")
USER_FIELD, SYSTEM_FIELD = 11, 12  # after the name, which may hold anything but its last bracket


def processor_seconds(pid: int) -> float | None:
    """Of a process and of the descendants it has now, since they began; None where nobody says."""
    try:
        stat = (PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()
        families = list((PROCESSES / str(pid) / "task").glob("*/children"))
        children = [int(child) for file in families for child in file.read_text().split()]
    except OSError:
        return None
    own = (int(stat[USER_FIELD]) + int(stat[SYSTEM_FIELD])) / os.sysconf("SC_CLK_TCK")
    return own + sum(processor_seconds(child) or 0.0 for child in children)
