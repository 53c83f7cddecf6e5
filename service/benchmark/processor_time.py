"""Processor time of processes and their children, where the system counts it (Linux)."""

from __future__ import annotations

import os
from pathlib import Path

PROCESSES = Path("/proc")
TIMES = slice(11, 15)  # fields after the name, which may hold anything but its last bracket


def processor_seconds(pid: int) -> float | None:
    """Of a process and its descendants, ended ones too; None where it is not known."""
    try:
        stat = (PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()
        families = list((PROCESSES / str(pid) / "task").glob("*/children"))
        children = [int(child) for file in families for child in file.read_text().split()]
    except OSError:
        return None
    own = sum(map(int, stat[TIMES])) / os.sysconf("SC_CLK_TCK")
    return own + sum(processor_seconds(child) or 0.0 for child in children)
