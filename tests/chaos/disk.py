"""A disk of limited size that can be full for a while, without harm to any other.

It is a tmpfs in a mount namespace of our own: nobody else sees it, and it is gone with its last
process. It is filled by making it smaller, which takes no memory. Where the kernel lets nobody make
such a namespace there is no such disk, and nothing is filled.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MARK = "ECHOCAST_CHAOS_MOUNTS"  # set: this process has a mount namespace of its own
KIB = 1024
MIB = 1024 * KIB
LOOK_SECONDS = 0.05
NO_DISK = "DISK FULL NOT TESTED: no mount namespace can be made here (unshare --mount)"


def enter_own_mounts(module: str) -> None:
    """Start a module again in a mount namespace of its own, where one can be made.

    Args:
        module: What runs; without root, as the namespace's root.
    """
    unshare = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    if MARK in os.environ or not shutil.which("unshare"):
        return
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0:
        command = [*unshare, sys.executable, "-m", module, *sys.argv[1:]]
        os.execvpe("unshare", command, {**os.environ, MARK: "1"})


@dataclass(frozen=True)
class SmallDisk:
    """A tmpfs of so many bytes."""

    path: Path
    size_bytes: int

    @contextmanager
    def full(self, left_bytes: int) -> Iterator[None]:
        """No more than so many bytes are free; what is freed meanwhile is taken, too."""
        try:
            self.leave(left_bytes)
            yield
        finally:
            self.resize(self.size_bytes)

    def fill(self, seconds: float, left_bytes: int) -> None:
        """Be full for a while."""
        end = time.monotonic() + seconds
        with self.full(left_bytes):
            while time.monotonic() < end:
                time.sleep(LOOK_SECONDS)
                self.leave(left_bytes)

    def leave(self, left_bytes: int) -> None:
        """Become as small as leaves so many bytes free."""
        self.resize(shutil.disk_usage(self.path).used + left_bytes, check=False)

    def resize(self, size_bytes: int, *, check: bool = True) -> None:
        """Have another size. Others write meanwhile: a size below what they use is refused."""
        command = ["mount", "-o", f"remount,size={size_bytes // KIB}k", str(self.path)]
        subprocess.run(command, capture_output=True, check=check)


@contextmanager
def small_disk(path: Path, size_bytes: int) -> Iterator[SmallDisk | None]:
    """A small disk on a folder; None where there can be none."""
    options = f"size={size_bytes // KIB}k,mode=700"
    command = ["mount", "-t", "tmpfs", "-o", options, "echocast-chaos", str(path)]
    if MARK not in os.environ or subprocess.run(command, capture_output=True).returncode:
        yield None
        return
    try:
        yield SmallDisk(path, size_bytes)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
