"""EventFiles: the frames of one event in one file or many, read piece by piece."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Self

from echocast.model.errors import UnreadableInput
from echocast.model.formats.header import FileHeader
from echocast.model.formats.readers import read_frames, read_header
from echocast.model.formats.reading import Reading
from echocast.model.frames import Frames
from echocast.model.sequence.rhythm import even_places, even_step

TOLERANCE = 0.1  # of a step, that times may be off an even rhythm


@dataclass(frozen=True)
class EventFiles:
    """Radar files of any known format that show one event.

    Args:
        name: Of the event, for people.
        headers: What each file holds.
        reading: How they are read.
    """

    name: str
    headers: Mapping[Path, FileHeader]
    reading: Reading = field(default_factory=Reading)

    @classmethod
    def of(cls, paths: Sequence[Path], reading: Reading | None = None) -> Self:
        """The event of some files and folders of files, of which no value is read yet.

        Raises:
            UnreadableInput: A file is damaged or of no format we know, or a folder is empty.
            ContractViolation: A file breaks a rule.
        """
        known = reading or Reading()
        return cls(paths[0].stem, {p: read_header(p, known) for p in files_of(paths)}, known)

    @cached_property
    def times(self) -> tuple[datetime, ...]:
        """All valid times, each once."""
        return tuple(sorted({time for one in self.headers.values() for time in one.times}))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the first file's frames, before anything is cut out."""
        return next(iter(self.headers.values())).shape

    def even_windows(self, length: int, stride: int) -> list[slice]:
        """Parts of the times that have no gap.

        Args:
            length: Frames of a part.
            stride: Frames from the start of one to that of the next.
        """
        starts = range(0, len(self.times) - length + 1, stride)
        windows = [slice(start, start + length) for start in starts]
        return [window for window in windows if _is_even(self.times[window])]

    def frames(self, part: slice) -> Frames:
        """The frames of a part of the times; only files that hold some are read.

        Raises:
            InputError: A file can't be read, or the frames don't belong together.
        """
        first, last = self.times[part][0], self.times[part][-1]
        paths = [
            path
            for path, header in self.headers.items()
            if header.times[0] <= last and header.times[-1] >= first
        ]
        return read_frames(
            paths,
            self.reading,
            choose=lambda times: slice(bisect_left(times, first), bisect_right(times, last)),
        )


def files_of(paths: Iterable[Path]) -> list[Path]:
    """Files, and those of folders, in order.

    Raises:
        UnreadableInput: A folder is empty.
    """
    return [file for path in paths for file in _files(path)]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = visible_files(path.iterdir())
    if not files:
        raise UnreadableInput(f"The folder {path} holds no file.")
    return files


def visible_files(paths: Iterable[Path]) -> list[Path]:
    """Those of some paths that are files, in order; names that begin with a dot are left out."""
    return sorted(path for path in paths if path.is_file() and not path.name.startswith("."))


def _is_even(times: Sequence[datetime]) -> bool:
    step = even_step(times, (times[-1] - times[0]) / (len(times) - 1) * TOLERANCE)
    return even_places(times, step, TOLERANCE * step) is not None
