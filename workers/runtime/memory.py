"""Freed memory goes back to the system, where the C library would keep it for later.

glibc keeps freed arrays of up to 32 MB in an arena per thread. After one nowcast of 640 x 710
pixels 1.37 GB stayed resident of which .95 GB were free; the next job on another thread added to
them.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

STATM = Path("/proc/self/statm")


def resident_bytes() -> int:
    """Memory of this process that lies in RAM; 0 where the system does not say."""
    if not STATM.exists():
        return 0
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Trimmer:
    """Gives freed memory back when enough of it may have gathered.

    Args:
        slack_bytes: How much the process may grow before it is worth the time.
    """

    def __init__(self, slack_bytes: int = 256 * 2**20) -> None:
        self._slack = slack_bytes
        self._usual = resident_bytes()
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it

    def trim(self) -> None:
        """Call this when nothing is at work."""
        if self._trim is not None and resident_bytes() > self._usual + self._slack:
            self._trim(0)
