"""The CPUs of this machine, as far as a process may use them."""

from __future__ import annotations

import os


def usable_cpus() -> int:
    """CPUs this process may use; all of them where the system can't say."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
