"""What dead processes left in scratch is removed; what living ones and other hosts use is not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from echocast.workers.archive.archive import Archive
from echocast.workers.archive.scratch import (
    LOCK,
    LOOSE_SECONDS,
    OTHER_HOST_SECONDS,
    Scratch,
    remove_abandoned,
)
from tests.workers.conftest import World, kill, until
from tests.workers.storms import storm

OWNER = """
import sys, time
from pathlib import Path
from echocast.workers.archive.archive import Archive
archive = Archive(Path(sys.argv[1]), free_space_floor_bytes=0)
(archive.files.scratch / "half.nc").write_bytes(b"half")
print("ready", flush=True)
time.sleep(600)
"""


def owner(root: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(root)], stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    return process


def halves(root: Path) -> list[Path]:
    return sorted(root.rglob("half.nc"))


def made_older(path: Path, seconds: float) -> Path:
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def test_scratch_of_the_dead_goes_and_that_of_the_living_stays(tmp_path: Path) -> None:
    dead, alive = owner(tmp_path), owner(tmp_path)
    try:
        kill(dead)
        assert len(halves(tmp_path)) == 2
        remove_abandoned(tmp_path / "scratch")
        (left,) = halves(tmp_path)
        assert f"-{alive.pid}-" in left.parent.name
    finally:
        kill(alive)
        for process in (dead, alive):
            assert process.stdout
            process.stdout.close()
    Archive(tmp_path).files.scratch  # noqa: B018  # whoever comes next removes it too
    assert halves(tmp_path) == []


def test_scratch_of_other_hosts_goes_only_when_it_is_old(tmp_path: Path) -> None:
    for name in ("archive-elsewhere-1-a", "archive-elsewhere-2-b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / LOCK).touch()
    made_older(tmp_path / "archive-elsewhere-2-b", OTHER_HOST_SECONDS + 60)
    remove_abandoned(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["archive-elsewhere-1-a"]


def test_files_of_earlier_versions_go_after_a_day(tmp_path: Path) -> None:
    for name in ("tmpyoung.nc", "tmpold.nc"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "tmpfolder").mkdir()
    made_older(tmp_path / "tmpold.nc", LOOSE_SECONDS + 60)
    made_older(tmp_path / "tmpfolder", LOOSE_SECONDS + 60)
    remove_abandoned(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tmpyoung.nc"]


def test_a_folder_is_gone_with_its_owner(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path, "gateway")
    with scratch.directory() as directory:
        (directory / "upload").write_bytes(b"1")
    assert not directory.exists()
    path = scratch.path
    scratch.close()
    assert not path.exists()
    archive = Archive(tmp_path)
    path = archive.files.scratch
    del archive
    assert not path.exists()


def test_many_that_begin_at_once_do_not_remove_each_others(tmp_path: Path) -> None:
    made: list[Scratch] = []
    barrier = threading.Barrier(8)

    def begin() -> None:
        barrier.wait()
        made.extend(Scratch(tmp_path, "archive") for _ in range(25))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 200
    assert all((scratch.path / LOCK).is_file() for scratch in made)
    for scratch in made:
        scratch.close()


def test_a_starting_worker_removes_what_a_killed_one_left(world: World) -> None:
    worker = world.start_worker()
    world.submit(storm(0, mood="parts:5"))

    def half_written() -> list[Path]:
        return list(world.archive.files.scratch_root.rglob("*.nc"))

    (left,) = until(half_written)
    kill(worker)
    assert left.exists()
    world.start_worker()
    assert not left.exists()
