"""A disk has inodes as well as bytes: many small files may use them up first."""

from __future__ import annotations

import json
from pathlib import Path

from echocast.workers.archive.disk_space import DiskSpace
from tests.mounts import run_with_own_mounts
from tests.workers.archive.small_inodes import FLOOR_BYTES, INODES, SIZE_MIB

GB = 10**9


def test_a_disk_without_inodes_is_full_and_the_oldest_files_make_room(tmp_path: Path) -> None:
    report = json.loads(run_with_own_mounts("tests.workers.archive.small_inodes", str(tmp_path)))
    assert 0 < report["written"] < INODES
    assert "free inodes of 400" in report["refusal"]
    assert report["free_bytes"] > 2 * FLOOR_BYTES  # bytes are not what it is short of
    reserved = INODES * FLOOR_BYTES // (SIZE_MIB * 2**20)
    assert reserved - 5 <= report["free_inodes"] <= reserved
    assert report["removed"] > 0
    assert report["free_inodes_after"] >= reserved


def test_each_inode_stands_for_its_share_of_the_disk() -> None:
    disk = DiskSpace(100 * GB, 50 * GB, inodes=1000, free_inodes=600, read_only=False)
    assert disk.free == 50 * GB
    assert str(disk) == "50000000000 bytes"
    few = disk._replace(free_inodes=10)
    assert few.free == GB
    assert "10 free inodes of 1000" in str(few)
    assert disk._replace(free_inodes=0).free == 0


def test_a_file_system_without_a_number_of_inodes_has_no_such_limit() -> None:
    assert DiskSpace(100 * GB, 50 * GB, inodes=0, free_inodes=0, read_only=False).free == 50 * GB
