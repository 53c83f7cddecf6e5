"""How much room a disk has: bytes, and inodes, which many small files use up first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, Self


class DiskSpace(NamedTuple):
    """The room of a disk at one moment.

    A file system that has a fixed number of inodes has no room for more files than that. Each free
    one stands for its share of the disk, so that one floor, one limit and one alert hold for both.

    Args:
        size: Bytes of the disk.
        free_bytes: That may be written.
        inodes: That it can have; 0: as many as there is room for.
        free_inodes: That are left.
        read_only: Whether nothing can be written.
    """

    size: int
    free_bytes: int
    inodes: int
    free_inodes: int
    read_only: bool

    @classmethod
    def of(cls, folder: Path) -> Self:
        """The room of the disk that a folder, which is made, lies on."""
        folder.mkdir(parents=True, exist_ok=True)
        status = os.statvfs(folder)
        return cls(
            status.f_blocks * status.f_frsize,
            status.f_bavail * status.f_frsize,
            status.f_files,
            status.f_favail,
            bool(status.f_flag & os.ST_RDONLY),
        )

    @property
    def free(self) -> int:
        """Bytes that are free, or those that the free inodes stand for, where these are fewer."""
        if not self.inodes:
            return self.free_bytes
        return min(self.free_bytes, self.size * self.free_inodes // self.inodes)

    def __str__(self) -> str:
        if self.free == self.free_bytes:
            return f"{self.free} bytes"
        return f"{self.free} bytes, by its {self.free_inodes} free inodes of {self.inodes},"
