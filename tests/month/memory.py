"""Memory and processor time of a service's processes by role, and whether memory grows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from statistics import median

from tests.chaos.service import COMMAND_LINES, Service

PAGE, TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
MB = 10**6
MOST_POINTS = 300  # of which all pairs are compared


def resident_bytes(service: Service) -> dict[str, int]:
    """Of all processes of each role together."""
    return {role: sum(map(_resident, service.processes(role))) for role in COMMAND_LINES}


def _resident(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    return 0


def processor_seconds(service: Service) -> dict[str, float]:
    """What the processes of each role that live now have used, with children that have ended."""
    return {role: sum(map(_processor, service.processes(role))) for role in COMMAND_LINES}


def _processor(pid: int) -> float:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / TICKS  # user, system, and both of children
    return 0.0


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Median of the slopes between all pairs of points (Theil 1950, Sen 1968), units y per x.

    Restarts and peaks, as long as they are few, do not move it.
    """
    some = points[:: max(1, len(points) // MOST_POINTS)]
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(some, 2) if x2 != x1]
    return median(slopes) if slopes else 0.0
