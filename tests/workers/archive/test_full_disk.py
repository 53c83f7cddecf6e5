"""A full disk, a quota, a network file system: nothing enters the archive that is not whole."""

import errno
import io
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from echocast.model.formats.forecast_reader import read_forecast
from echocast.model.formats.forecast_writer import write_forecast_stream
from echocast.workers.archive.archive import Archive
from echocast.workers.errors import DiskFull, shortage_of
from tests.workers.archive.test_archive import job
from tests.workers.conftest import World
from tests.workers.fake_nowcaster import FakeNowcaster, FakePrepared
from tests.workers.storms import storm


@contextmanager
def files_at_most(size: int, pid: int = 0) -> Iterator[None]:
    """As on a disk that has so many bytes left for each file."""
    limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "store", free_space_floor_bytes=0)


def stored(archive: Archive) -> list[Path]:
    return [p for p in archive.root.rglob("*") if p.is_file() and "scratch" not in p.parts]


def write_forecast(path: Path, side: int = 16) -> None:
    frames = storm(size=side)
    stream = FakeNowcaster().stream(FakePrepared(frames), frames.reflectivity_dbz[-1])
    write_forecast_stream(stream, path)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
@pytest.mark.parametrize("side", [16, 160])
def test_a_forecast_that_does_not_fit_is_an_error_and_leaves_nothing(
    archive: Archive, side: int, share: float, tmp_path: Path
) -> None:
    def write(path: Path) -> None:
        write_forecast(path, side)

    write(tmp_path / "whole.nc")
    size = int(share * (tmp_path / "whole.nc").stat().st_size)
    with files_at_most(size), pytest.raises(OSError, match="File too large") as failure:
        archive.put_forecast(job(), write)
    assert isinstance(shortage_of(failure.value), DiskFull)
    assert stored(archive) == []
    again = archive.put_forecast(job(), write)
    assert len(read_forecast(archive.files.local(again)).frames) == 10


def test_frames_that_do_not_fit_are_an_error_of_the_disk(archive: Archive) -> None:
    """NumPy gives no number for a short write."""
    with files_at_most(4096), pytest.raises(OSError, match="File too large") as failure:
        archive.put_frames(storm(size=64))
    assert isinstance(shortage_of(failure.value), DiskFull)
    assert stored(archive) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no disk of our own can be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.parametrize("side", [100, 160, 400])
def test_a_full_disk_is_named_whichever_library_writes_and_is_as_free_as_before(
    side: int, small_disk: Path
) -> None:
    archive = Archive(small_disk, free_space_floor_bytes=0)
    archive.files.scratch  # noqa: B018
    filler = small_disk / "filler"
    filler.write_bytes(bytes(archive.files.free_bytes() - 64 * 2**10))
    archive.files.check_space = lambda: None  # type: ignore[method-assign]  # it was free a moment ago
    before = archive.files.free_bytes()
    for act in (
        lambda: archive.put_forecast(job(), partial(write_forecast, side=side)),
        lambda: archive.put_frames(storm(size=max(side, 160))),
    ):
        with pytest.raises(OSError, match="No space left") as failure:
            act()
        assert isinstance(shortage_of(failure.value), DiskFull)
        assert before - archive.files.free_bytes() <= 2**13
    filler.unlink()
    assert archive.put_frames(storm())


class FullAtClose(io.FileIO):
    """As a network file system does: the write is taken, the close is not."""

    def close(self) -> None:
        writes = not self.closed and self.writable()
        super().close()
        if writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class WritesHalf(io.FileIO):
    """Says that all was written."""

    def write(self, content: Any) -> int:
        super().write(content[: len(content) // 2])
        return len(content)


@pytest.mark.parametrize("lying", [FullAtClose, WritesHalf])
def test_an_error_at_close_and_bytes_that_are_not_there_are_noticed(
    archive: Archive, lying: type[io.FileIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = archive.files
    plain = Path.open

    def opened(path: Path, mode: str = "r", *more: Any, **named: Any) -> Any:
        return lying(path, "wb") if "w" in mode else plain(path, mode, *more, **named)

    monkeypatch.setattr(Path, "open", opened)
    for act in (
        lambda: archive.put_forecast(job(), write_forecast),
        lambda: archive.put_verification(job(), {"counts": 1}),
        lambda: files.put("a/one", b"content"),
        lambda: files.create("a/two", b"content"),
        archive.identity,
    ):
        with pytest.raises(OSError, match=r"No space left|are \d+ when read back"):
            act()
    assert stored(archive) == []


def test_an_error_of_fsync_is_an_error(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    files = archive.files
    monkeypatch.setattr(os, "fsync", full)
    for act in (
        lambda: archive.put_frames(storm()),
        lambda: archive.put_forecast(job(), write_forecast),
        lambda: files.put("a/one", b"content"),
        lambda: files.create("a/two", b"content"),
    ):
        with pytest.raises(OSError, match="No space left"):
            act()
    assert stored(archive) == []


@pytest.mark.parametrize("side", [16, 160])
def test_no_job_succeeds_whose_forecast_did_not_fit(world: World, side: int) -> None:
    worker = world.start_worker()
    with files_at_most(2048, worker.pid):
        sent = [world.submit(storm(seed, size=side)).job for seed in range(3)]
        ends = [world.end_of(job.id) for job in sent]
    assert [(end.status, end.error.type) for end in ends] == [("failed", "disk-full")] * 3
    assert not list((world.archive.root / "forecasts").rglob("*.nc"))
    again = [world.submit(storm(seed, size=side)) for seed in range(3)]
    assert all(one.created for one in again)
    for one in again:
        end = world.end_of(one.job.id)
        assert end.status == "succeeded"
        assert len(read_forecast(world.archive.files.local(end.forecast_path)).frames) == 10
