"""What this process may use of its machine: CPUs and memory, by the limits of its container.

Docker, Kubernetes and systemd limit control groups (cgroups, v1 and v2): CPU time by a quota a
period, memory by a number of bytes. The kernel goes on to show all CPUs and all memory of the host,
and libraries count those.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

NO_QUOTA: Final = ("max", "-1")
MIB: Final = 2**20
GIB: Final = 2**30
ROOT: Final = Path("/")


@dataclass(frozen=True)
class Limits:
    """Limits of a control group; infinite where there is none.

    Args:
        cpus: Seconds of CPU time a second.
        memory_bytes: Memory of all its processes together.
    """

    cpus: float = math.inf
    memory_bytes: float = math.inf


def visible_cpus() -> int:
    """CPUs this process may run on; all of them where the system can't say."""
    if count := getattr(os, "process_cpu_count", None):  # from Python 3.13 on
        return count() or 1
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def usable_cpus() -> int:
    """CPUs this process has time for: of those it may run on, as many as its container's quota.

    A part of a CPU counts as one: threads that wait for their turn lose less than a CPU that idles.
    """
    return max(1, math.ceil(min(visible_cpus(), control_group_limits().cpus)))


def machine_bytes() -> int:
    """Memory of the machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def usable_bytes() -> int:
    """Memory of this process's container, else of the machine."""
    return int(min(machine_bytes(), control_group_limits().memory_bytes))


def machine_share(memory_bytes: int) -> str:
    """How much of the machine a process uses, for its first lines in the log.

    Args:
        memory_bytes: That it plans with.
    """
    return (
        f"{usable_cpus()} of {os.cpu_count()} CPUs and {memory_bytes / GIB:.1f} of"
        f" {machine_bytes() / GIB:.1f} GiB of memory"
    )


def control_group_limits(root: Path = ROOT) -> Limits:
    """The least limits of the groups that this process is in, and of those above them.

    Args:
        root: Of the file system; without ``proc`` (not Linux) there are no limits.
    """
    cpus = map(_cpus, _groups(root, "cpu"))
    memory = map(_memory_bytes, _groups(root, "memory"))
    return Limits(min(cpus, default=math.inf), min(memory, default=math.inf))


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Folders of this process's groups, from its own up to the top.

    A container mostly sees its own group as the top, also where its path is that of the host.
    """
    listing = root / "proc/self/cgroup"
    for line in listing.read_text().splitlines() if listing.exists() else ():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        own = PurePosixPath(path)
        for hierarchy in (controller, controllers) if controllers else (".", "unified"):
            for group in (own, *own.parents):
                yield root / "sys/fs/cgroup" / hierarchy / group.relative_to("/")


def _cpus(group: Path) -> float:
    words = _words(group / "cpu.max") or [  # v2, else v1
        *_words(group / "cpu.cfs_quota_us"),
        *_words(group / "cpu.cfs_period_us"),
    ]
    if len(words) != 2 or words[0] in NO_QUOTA:
        return math.inf
    return int(words[0]) / int(words[1])


def _memory_bytes(group: Path) -> float:
    words = _words(group / "memory.max") or _words(group / "memory.limit_in_bytes")
    return math.inf if not words or words[0] == "max" else int(words[0])


def _words(file: Path) -> list[str]:
    """Empty where there is no such file: the top group has no limits, and others may be hidden."""
    try:
        return file.read_text().split()
    except OSError:
        return []
