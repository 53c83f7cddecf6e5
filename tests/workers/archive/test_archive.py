"""The archive: content-addressed, whole files only, room to breathe."""

import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from echocast.model.atomic_files import FileDigest
from echocast.model.frames import Frames
from echocast.workers.archive.archive import Archive, forecast_path
from echocast.workers.archive.damage import recorded_digest
from echocast.workers.archive.retention import remove_oldest
from echocast.workers.archive.scratch import LOCK
from echocast.workers.errors import ArchiveError, DiskFull, NotInArchive
from echocast.workers.jobs.job import Job
from tests.workers.storms import storm


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "store", free_space_floor_bytes=0)


def job(**fields: object) -> Job:
    values = {
        "id": "0123abcd",
        "status": "running",
        "generation": "1",
        "holders": "1",
        "attempts": "1",
        "created": "0",
        "request": json.dumps(
            {
                "input_sha": "a" * 64,
                "forecast_reference_time": "2026-07-01T23:55:00+00:00",
                "model": ["../radar small", "1/2"],
                "shape": [10, 4, 4],
                "product": "reflectivity",
            }
        ),
    }
    return replace(Job.from_hash(values), **fields)


def equal(one: Frames, other: Frames) -> bool:
    same_values = np.array_equal(one.reflectivity_dbz, other.reflectivity_dbz, equal_nan=True)
    return same_values and one.description() == other.description()


def test_frames_come_back_as_they_went(archive: Archive) -> None:
    values = storm().reflectivity_dbz.copy()
    values[0, 0, 0] = np.nan
    frames = storm().with_values(values, storm().times)
    sha = archive.put_frames(frames)
    assert sha == frames.sha256()
    assert equal(archive.load_frames(sha), frames)


def test_the_same_frames_are_stored_once(archive: Archive) -> None:
    first = archive.put_frames(storm())
    place = archive.root / "inputs" / first[:2] / f"{first}.npy"
    written = place.stat().st_ino
    assert archive.put_frames(storm()) == first
    assert place.stat().st_ino == written
    assert [path.name for path in archive.files.scratch.iterdir()] == [LOCK]


def test_frames_of_a_decoding_child_are_adopted_by_renaming(
    archive: Archive, tmp_path: Path
) -> None:
    frames, child = storm(3), tmp_path / "child"
    for _ in range(2):
        child.mkdir(exist_ok=True)
        np.save(child / "frames.npy", frames.reflectivity_dbz)
        (child / "frames.json").write_text(json.dumps(frames.description()))
        assert archive.adopt_frames(child) == frames.sha256()
    assert equal(archive.load_frames(frames.sha256()), frames)


def test_what_a_child_left_is_not_believed(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="hold no frames"):
        archive.adopt_frames(tmp_path)
    np.save(tmp_path / "frames.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "frames.json").write_text(json.dumps(storm().description()))
    with pytest.raises(ArchiveError, match="hold no frames"):
        archive.adopt_frames(tmp_path)
    for kind, order in (("<f8", "C"), ("<f4", "F")):
        np.save(tmp_path / "frames.npy", np.asarray(storm().reflectivity_dbz, kind, order=order))
        with pytest.raises(ArchiveError, match="not float32 in C order"):
            archive.adopt_frames(tmp_path)
    np.save(tmp_path / "frames.npy", storm().reflectivity_dbz)
    content = (tmp_path / "frames.npy").read_bytes()
    for damaged in (content[:-1], content + b"x", content[:60], b""):
        (tmp_path / "frames.npy").write_bytes(damaged)
        with pytest.raises(ArchiveError, match="hold no frames"):
            archive.adopt_frames(tmp_path)
    for described in (
        "{",
        "[]",
        '{"times": 3}',
        json.dumps({**storm().description(), "times": []}),
    ):
        (tmp_path / "frames.json").write_text(described)
        np.save(tmp_path / "frames.npy", storm().reflectivity_dbz)
        with pytest.raises(ArchiveError, match="hold no frames"):
            archive.adopt_frames(tmp_path)
    (tmp_path / "frames.json").write_text("{")
    np.save(tmp_path / "frames.npy", storm().reflectivity_dbz)
    with pytest.raises(ArchiveError):
        archive.adopt_frames(tmp_path)


@pytest.mark.parametrize("sha", ["a" * 64, "../../etc/passwd", "", "A" * 64])
def test_unknown_frames_are_not_in_the_archive(archive: Archive, sha: str) -> None:
    with pytest.raises(NotInArchive):
        archive.load_frames(sha)


def test_a_full_disk_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    archive = Archive(tmp_path, free_space_floor_bytes=1 << 60)
    for act in (
        archive.files.check_space,
        lambda: archive.put_frames(storm()),
        lambda: archive.adopt_frames(tmp_path),
        lambda: archive.put_forecast(job(), lambda path: None),
    ):
        with pytest.raises(DiskFull, match="must stay free"):
            act()
    assert not (tmp_path / "inputs").exists()


def test_a_forecast_has_a_safe_path_with_time_model_id_size_and_hash() -> None:
    digest = FileDigest(12, "a" * 64)
    name = f"20260701T235500Z_..-radar-small-1-2_0123abcd_12-{'a' * 64}.nc"
    assert forecast_path(job(), digest) == f"forecasts/adhoc/2026/07/01/{name}"
    assert recorded_digest(name) == digest
    east = datetime.fromisoformat("2026-07-02T01:55:00+02:00")
    assert forecast_path(job(forecast_reference_time=east), digest) == forecast_path(job(), digest)


def test_a_forecast_appears_whole_or_not_at_all(archive: Archive) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        archive.put_forecast(job(), fail)
    assert not (archive.root / "forecasts").exists()
    assert [path.name for path in archive.files.scratch.iterdir()] == [LOCK]
    relative = archive.put_forecast(job(), lambda path: path.write_bytes(b"whole"))
    assert archive.files.local(relative).read_bytes() == b"whole"


def test_scores_are_replaced_whole(archive: Archive) -> None:
    for count in (1, 2):
        relative = archive.put_verification(job(), {"count": count})
        assert json.loads(archive.files.local(relative).read_text()) == {"count": count}
    assert relative == "verification/adhoc/2026-07-01/0123abcd.json"


@pytest.mark.parametrize("relative", ["../secret", "none.nc", "/etc/passwd", "."])
def test_paths_outside_or_absent_are_not_in_the_archive(
    archive: Archive, relative: str, tmp_path: Path
) -> None:
    archive.files.scratch  # noqa: B018
    (tmp_path / "secret").write_text("x")
    with pytest.raises(NotInArchive):
        archive.files.local(relative)


def test_times_of_the_job_are_utc() -> None:
    assert job().created == datetime(1970, 1, 1, tzinfo=UTC)


def age(archive: Archive, sha: str, seconds: float) -> int:
    """Make stored frames older; their bytes."""
    then, size = time.time() - seconds, 0
    for path in (archive.root / "inputs" / sha[:2]).glob(f"{sha}.*"):
        os.utime(path, (then, then))
        size += path.stat().st_size
    return size


def is_stored(archive: Archive, sha: str) -> bool:
    with suppress(NotInArchive):
        return len(archive.load_frames(sha)) == 10
    return False


def test_the_oldest_nowcasts_make_room_for_the_newest(archive: Archive) -> None:
    oldest, middle, newest = (archive.put_frames(storm(seed)) for seed in range(3))
    sizes = [age(archive, s, 86400 * k) for s, k in ((oldest, 3), (middle, 2), (newest, 1))]
    assert remove_oldest(archive, sum(sizes)) == 0
    assert remove_oldest(archive, sum(sizes) - 1) > 0
    assert [is_stored(archive, sha) for sha in (oldest, middle, newest)] == [False, True, True]
    assert archive.put_frames(storm(1)) == middle  # used again: it is the newest now
    remove_oldest(archive, sizes[1])
    assert [is_stored(archive, sha) for sha in (middle, newest)] == [True, False]
    remove_oldest(archive, 0)
    assert is_stored(archive, middle)  # young


def test_a_disk_that_is_nearly_full_is_made_room_on(tmp_path: Path) -> None:
    minimum = int(0.75 * shutil.disk_usage(tmp_path).free)
    archive = Archive(tmp_path, free_space_floor_bytes=minimum)
    old, young = archive.put_frames(storm(0)), archive.put_frames(storm(1))
    age(archive, old, 86400)
    remove_oldest(archive, limit_bytes=2**40)
    assert [is_stored(archive, sha) for sha in (old, young)] == [False, True]


def test_forecasts_and_scores_go_too(archive: Archive) -> None:
    path = archive.put_forecast(job(), lambda place: place.write_bytes(b"forecast"))
    scores = archive.put_verification(job(), {"methods": {}})
    for name in (path, scores):
        os.utime(archive.root / name, (0, 0))
    assert remove_oldest(archive, 0) == 2
    assert not archive.holds(path)
    assert not archive.holds(scores)
