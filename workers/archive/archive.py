"""Archive: input frames, forecasts and scores as files. The files are the truth.

<root>/inputs/<sha[:2]>/<sha>.npy + .json                 frames, named by their content
<root>/forecasts/adhoc/<yyyy>/<mm>/<dd>/<reference time>_<model>_<id>_<size>-<sha256>.nc
<root>/verification/adhoc/<yyyy-mm-dd>/<id>.json
<root>/store-id                                           name of this archive
<root>/scratch/<role>-<host>-<pid>-.../                   half-written files of one process

Every file is written elsewhere, flushed to the disk, read back and renamed into place, so that a
reader never sees half a file and a kill -9, a power cut or a full disk leaves none. Frames and
forecasts have hashes in their names: what is damaged later counts as gone.
"""

from __future__ import annotations

import filecmp
import json
import os
import re
import shutil
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from echocast.model.atomic_files import (
    FileDigest,
    flush,
    move_all_into_place,
    move_into_place,
    scratch_file,
    write_whole,
)
from echocast.model.frames import Frames
from echocast.workers.archive.damage import (
    DAMAGE,
    FORECAST,
    INPUT,
    Verdicts,
    difference_from_name,
    with_digest,
)
from echocast.workers.archive.frames_file import (
    FRAMES_FILE,
    description_of,
    difference_from_hash,
    read_stored,
    stored_sha256,
    write_stored,
)
from echocast.workers.archive.scratch import Scratch
from echocast.workers.errors import ArchiveDamaged, ArchiveError, DiskFull, NotInArchive
from echocast.workers.jobs.job import Job

DEFAULT_FREE_SPACE_FLOOR = 512 * 1024 * 1024  # bytes
LEAST_FREE_BYTES = 2**20  # with any floor
SHA_PATTERN = re.compile(r"[0-9a-f]{64}")
UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")


class Archive:
    """Files below one folder; safe to share among threads and processes.

    Args:
        root: The folder; made when first written to.
        free_space_floor_bytes: Free space below which nothing more is accepted.
    """

    def __init__(
        self, root: Path, *, free_space_floor_bytes: int = DEFAULT_FREE_SPACE_FLOOR
    ) -> None:
        self.root = root
        self._free_space_floor = free_space_floor_bytes
        self._verdicts = Verdicts()
        self._scratch: Scratch | None = None
        self._lock = threading.Lock()

    @property
    def scratch_root(self) -> Path:
        """Where processes have their folders for half-written files."""
        return self.root / "scratch"

    @property
    def scratch(self) -> Path:
        """This object's own folder for half-written files, on the archive's file system."""
        with self._lock:
            if self._scratch is None or not self._scratch.path.is_dir():
                self._scratch = Scratch(self.scratch_root, "archive")
            return self._scratch.path

    def free_bytes(self) -> int:
        """Free space on the archive's disk."""
        self.root.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.root).free

    def identity(self) -> str:
        """The name that this archive gave itself when it was first used; copies share it."""
        place = self.root / "store-id"
        if not place.exists():
            with scratch_file(self.scratch) as path, suppress(FileExistsError):
                write_whole(path, uuid.uuid4().hex.encode())
                os.link(path, place)  # who comes second takes the first one's
        return place.read_text()

    def check_space(self) -> None:
        """Return where there is room for more.

        Raises:
            DiskFull: Less space is free than must stay free, or the disk can only be read.
        """
        free = self.free_bytes()
        floor = max(self._free_space_floor, LEAST_FREE_BYTES)
        if free < floor:
            raise DiskFull(f"The archive's disk has {free} bytes left, but {floor} must stay free.")
        if os.statvfs(self.root).f_flag & os.ST_RDONLY:
            raise DiskFull("The archive's disk can only be read: it is mounted read-only.")

    def spare_bytes(self) -> int:
        """Bytes that may be written while twice as much is free as must stay free."""
        return self.free_bytes() - 2 * self._free_space_floor

    def bytes_to_free(self) -> int:
        """Bytes to remove so that there are spare ones, and work goes on."""
        return max(0, -self.spare_bytes())

    def put_frames(self, frames: Frames) -> str:
        """Store frames under the hash of their content, which is returned.

        Raises:
            DiskFull: Less space is free than must stay free.
        """
        self.check_space()
        with tempfile.TemporaryDirectory(dir=self.scratch) as name:
            write_stored(frames, Path(name) / FRAMES_FILE)
            return self.adopt_frames(Path(name))

    def adopt_frames(self, directory: Path) -> str:
        """Take the frames that a decoding child stored in a folder over, by renaming.

        The hash is computed here, block by block: a child that read a hostile file is not trusted.

        Raises:
            DiskFull: Less space is free than must stay free.
            ArchiveError: The directory does not hold frames.
        """
        self.check_space()
        values = directory / FRAMES_FILE
        sha = stored_sha256(values)
        place = self._place(sha)
        places = {values: place, description_of(values): description_of(place)}
        if not _use_again(places):
            move_all_into_place(places)
        return sha

    def load_frames(self, sha: str) -> Frames:
        """The frames of that name, checked against it.

        Raises:
            NotInArchive: There are none.
            ArchiveDamaged: They are others than were stored, or none.
        """
        values = self._existing(sha)
        try:
            return read_stored(values, sha)
        except ArchiveError as error:
            DAMAGE.report(INPUT, str(values), str(error))
            raise ArchiveDamaged(f"The stored input is damaged: {error}") from error

    def put_forecast(self, job: Job, write: Callable[[Path], object]) -> str:
        """Let ``write`` make the job's forecast file; its path below the root is returned.

        Raises:
            DiskFull: Less space is free than must stay free.
            OSError: The file could not be written as a whole.
        """
        self.check_space()
        return self.add(write, partial(forecast_path, job), ".nc")

    def add(
        self, write: Callable[[Path], object], name: Callable[[FileDigest], str], suffix: str = ""
    ) -> str:
        """Let ``write`` make a file, and store it under the path that follows from its digest.

        Args:
            write: Makes the file at a path.
            name: Path below the root, which is returned.
            suffix: Of the file while it is made.

        Raises:
            OSError: The file could not be written as a whole.
        """
        with scratch_file(self.scratch, suffix) as path:
            write(path)
            flush(path)
            relative = name(FileDigest.of(path))
            move_into_place(path, self.root / relative)
        return relative

    def put_verification(self, job: Job, verification: Mapping[str, Any]) -> str:
        """Store a job's scores; the path below the root is returned."""
        relative = f"verification/adhoc/{_utc(job):%Y-%m-%d}/{job.id}.json"
        content = json.dumps(verification, allow_nan=False).encode()
        return self.add(lambda path: write_whole(path, content), lambda _: relative)

    def path(self, relative: str) -> Path:
        """Where a file of the archive lies, which is what it was when it was stored.

        Raises:
            NotInArchive: It is not below the root, or is not there.
            ArchiveDamaged: It is damaged.
        """
        path = self.root / relative
        if not path.resolve().is_relative_to(self.root.resolve()) or not path.is_file():
            raise NotInArchive(f"The archive holds no {relative!r}.")
        return self._verdicts.check(path, FORECAST, difference_from_name)

    def frames_file(self, sha: str) -> Path:
        """The ``.npy`` file of frames; their description lies beside it as ``.json``.

        Raises:
            NotInArchive: They are not stored (any more).
        """
        return self._existing(sha).resolve()

    def checked_frames_file(self, sha: str) -> Path:
        """The same, where the frames are those of that hash.

        Raises:
            NotInArchive: They are not stored (any more).
            ArchiveDamaged: They are damaged.
        """
        return self._verdicts.check(self.frames_file(sha), INPUT, difference_from_hash)

    def holds(self, relative: str) -> bool:
        """True where a file of the archive is still there, and whole."""
        try:
            self.path(relative)
        except NotInArchive:
            return False
        return True

    def _place(self, sha: str) -> Path:
        return self.root / "inputs" / sha[:2] / f"{sha}.npy"

    def _existing(self, sha: str) -> Path:
        """The description is written last: where it is, the values are."""
        if not SHA_PATTERN.fullmatch(sha) or not description_of(self._place(sha)).exists():
            raise NotInArchive(f"The archive holds no frames {sha!r}.")
        return self._place(sha)


def forecast_path(job: Job, digest: FileDigest) -> str:
    """Path of a job's forecast below the archive's root."""
    reference = _utc(job)
    model = UNSAFE.sub("-", f"{job.model.name}-{job.model.version}")
    name = with_digest(f"{reference:%Y%m%dT%H%M%SZ}_{model}_{job.id}", digest, ".nc")
    return f"forecasts/adhoc/{reference:%Y/%m/%d}/{name}"


def _use_again(places: dict[Path, Path]) -> bool:
    """Whether files are stored already, undamaged; they are among the newest then."""
    try:
        same = all(filecmp.cmp(*pair, shallow=False) for pair in places.items())
        for place in reversed(places.values()) if same else ():
            os.utime(place)
    except FileNotFoundError:
        return False
    return same


def _utc(job: Job) -> datetime:
    return job.forecast_reference_time.astimezone(UTC)
