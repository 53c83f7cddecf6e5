"""``python -m tests.workers.archive.small_inodes FOLDER``: a disk of few inodes, filled by files.

It runs in a mount namespace of its own, and prints as JSON what the archive made of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from echocast.workers.archive.archive import Archive
from echocast.workers.archive.retention import remove_oldest
from echocast.workers.errors import DiskFull

SIZE_MIB, INODES = 64, 400
FLOOR_BYTES = 16 * 2**20  # a quarter: a hundred inodes


def main() -> None:
    """Write small files until no more is accepted, then let the oldest go."""
    folder = Path(sys.argv[1])
    options = ["-o", f"size={SIZE_MIB}m,nr_inodes={INODES}", "none", str(folder)]
    subprocess.run(["mount", "-t", "tmpfs", *options], check=True)
    archive = Archive(folder / "store", free_space_floor_bytes=FLOOR_BYTES)
    written, refusal = filled(archive)
    left = os.statvfs(folder)
    removed = remove_oldest(archive, 2**40)
    archive.files.check_space()
    after = os.statvfs(folder)
    report = {
        "written": written,
        "refusal": refusal,
        "free_bytes": left.f_bavail * left.f_frsize,
        "free_inodes": left.f_favail,
        "removed": removed,
        "free_inodes_after": after.f_favail,
    }
    print(json.dumps(report))


def filled(archive: Archive) -> tuple[int, str]:
    """How many files were accepted, and why no more."""
    for number in range(2 * INODES):
        try:
            archive.files.check_space()
        except DiskFull as error:
            return number, str(error)
        path = f"inputs/{number % 4}/{number:04}.npy"
        archive.files.put(path, bytes(100))
        os.utime(archive.root / path, (number, number))
    return 2 * INODES, ""


if __name__ == "__main__":
    main()
