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
import tempfile
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
    scratch_file,
    write_whole,
)
from echocast.model.frames import Frames
from echocast.workers.archive.damage import (
    DAMAGE,
    INPUT,
    Verdicts,
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
from echocast.workers.archive.local_files import DEFAULT_FREE_SPACE_FLOOR, LocalFiles
from echocast.workers.errors import ArchiveDamaged, ArchiveError, NotInArchive
from echocast.workers.jobs.job import Job

SHA_PATTERN = re.compile(r"[0-9a-f]{64}")
UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")


class Archive:
    """Inputs, forecasts and scores in ``files``; safe to share among threads and processes.

    Args:
        root: The folder; made when first written to.
        free_space_floor_bytes: Free space below which nothing more is accepted.
    """

    def __init__(
        self, root: Path, *, free_space_floor_bytes: int = DEFAULT_FREE_SPACE_FLOOR
    ) -> None:
        self.root = root
        self.files = LocalFiles(root, free_space_floor_bytes=free_space_floor_bytes)
        self._verdicts = Verdicts()

    def identity(self) -> str:
        """The name that this archive gave itself when it was first used; copies share it."""
        place = self.root / "store-id"
        if not place.exists():
            with scratch_file(self.files.scratch) as path, suppress(FileExistsError):
                write_whole(path, uuid.uuid4().hex.encode())
                flush(path)
                os.link(path, place)  # who comes second takes the first one's
        return place.read_text()

    def put_frames(self, frames: Frames) -> str:
        """Store frames under the hash of their content, which is returned.

        Raises:
            DiskFull: Less space is free than must stay free.
        """
        self.files.check_space()
        with tempfile.TemporaryDirectory(dir=self.files.scratch) as name:
            write_stored(frames, Path(name) / FRAMES_FILE)
            return self.adopt_frames(Path(name))

    def adopt_frames(self, directory: Path) -> str:
        """Take over the frames that a decoding child stored in a folder, by renaming.

        The hash is computed here, block by block: a child that read a hostile file is not trusted.

        Raises:
            DiskFull: Less space is free than must stay free.
            ArchiveError: The directory does not hold frames.
        """
        self.files.check_space()
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
        self.files.check_space()
        return self.files.add(write, partial(forecast_path, job), ".nc")

    def put_verification(self, job: Job, verification: Mapping[str, Any]) -> str:
        """Store a job's scores; the path below the root is returned."""
        relative = f"verification/adhoc/{_utc(job):%Y-%m-%d}/{job.id}.json"
        content = json.dumps(verification, allow_nan=False).encode()
        return self.files.add(lambda path: write_whole(path, content), lambda _: relative)

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
            self.files.local(relative)
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
