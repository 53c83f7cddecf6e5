"""What is damaged in the archive is not there any more: named, counted once, made again."""

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from echocast.workers.archive.archive import Archive
from echocast.workers.archive.damage import DAMAGE
from echocast.workers.errors import ArchiveDamaged, NoFileHandles
from tests.workers.archive.test_archive import equal, job
from tests.workers.conftest import World
from tests.workers.storms import storm


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "store", free_space_floor_bytes=0)


def damaged_files(kind: str) -> float:
    return DAMAGE.counter.labels(kind)._value.get()


def flip(path: Path, at: int = -1) -> None:
    """One bit is another one."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "flipped": flip,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "grown": lambda path: path.write_bytes(path.read_bytes() + b"0"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_forecast_is_gone_and_reported_once(
    archive: Archive, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    relative = archive.put_forecast(job(), lambda path: path.write_bytes(b"whole"))
    assert archive.holds(relative)
    before = damaged_files("forecast")
    DAMAGES[damage](archive.root / relative)
    for _ in range(2):
        assert not archive.holds(relative)
        with pytest.raises(ArchiveDamaged, match="Send the same frames again"):
            archive.files.local(relative)
    assert damaged_files("forecast") == before + 1
    assert caplog.text.count("The archive is damaged (forecast)") == 1
    assert archive.put_forecast(job(), lambda path: path.write_bytes(b"whole")) == relative
    assert archive.files.local(relative).read_bytes() == b"whole"


def test_a_forecast_of_an_earlier_version_is_read_unchecked(archive: Archive) -> None:
    relative = "forecasts/adhoc/2026/07/01/20260701T235500Z_radar-1_0123abcd.nc"
    (archive.root / relative).parent.mkdir(parents=True)
    (archive.root / relative).write_bytes(b"anything")
    assert archive.files.local(relative).read_bytes() == b"anything"


@pytest.mark.parametrize("suffix", [".npy", ".json"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_frames_are_replaced_when_they_are_sent_again(
    archive: Archive, damage: str, suffix: str
) -> None:
    sha = archive.put_frames(storm())
    assert archive.checked_frames_file(sha)
    DAMAGES[damage](archive.frames_file(sha).with_suffix(suffix))
    if suffix == ".npy":
        with pytest.raises(ArchiveDamaged):
            archive.checked_frames_file(sha)
    assert archive.put_frames(storm()) == sha
    assert archive.checked_frames_file(sha)
    assert equal(archive.load_frames(sha), storm())


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_frames_are_not_read(archive: Archive, damage: str) -> None:
    sha = archive.put_frames(storm())
    DAMAGES[damage](archive.frames_file(sha))
    before = damaged_files("input")
    with pytest.raises(ArchiveDamaged, match="The stored input is damaged"):
        archive.load_frames(sha)
    assert damaged_files("input") == before + 1


def test_frames_with_another_description_are_not_read(archive: Archive) -> None:
    """What is wrong with it is for the hash alone to find."""
    sha = archive.put_frames(storm(mood="good"))
    description = archive.frames_file(sha).with_suffix(".json")
    description.write_text(description.read_text().replace("good", "food"))
    with pytest.raises(ArchiveDamaged, match="not that of its name"):
        archive.load_frames(sha)


def test_frames_are_checked_while_they_are_read_once(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = archive.put_frames(storm())
    opened: list[str] = []
    plain = io.open

    def counting(path: Any, *more: Any, **named: Any) -> Any:
        opened.append(Path(path).suffix)
        return plain(path, *more, **named)

    with monkeypatch.context() as patch:
        patch.setattr("io.open", counting)
        patch.setattr("builtins.open", counting)
        frames = archive.load_frames(sha)
    assert sorted(opened) == [".json", ".npy"]
    assert frames.sha256() == sha


def test_a_worker_without_file_handles_calls_no_frames_damaged(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = archive.put_frames(storm())
    before = damaged_files("input")

    def too_many(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr("io.open", too_many)
        patch.setattr("builtins.open", too_many)
        with pytest.raises(NoFileHandles):
            archive.load_frames(sha)
    assert damaged_files("input") == before


def test_a_job_whose_input_is_damaged_fails_and_succeeds_when_it_is_sent_again(
    world: World,
) -> None:
    job = world.submit(storm()).job
    flip(world.archive.frames_file(job.input_sha))
    world.start_worker()
    failed = world.end_of(job.id)
    assert failed.error is not None
    assert (failed.status, failed.error.type) == ("failed", "archive-damaged")
    assert "Its hash is not that of its name" in failed.error.message
    again = world.submit(storm())
    assert again.created
    assert world.end_of(job.id).status == "succeeded"


def test_damaged_observations_are_not_scored(world: World) -> None:
    sha = world.archive.put_frames(storm(1, first=10))
    job = world.submit(storm(), observation_sha=sha).job
    flip(world.archive.frames_file(sha))
    world.start_worker()
    ended = world.end_of(job.id)
    assert ended.status == "succeeded"
    assert ended.verification_error is not None
    assert ended.verification_error.type == "observations-missing"
    assert "is damaged" in ended.verification_error.message
