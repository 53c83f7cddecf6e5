"""Scrub: read every file of the archive, and compare it with what it was when it was stored.

Inputs and forecasts have their hashes in their names, frames in their headers, counts in their
names; all else must be readable. Files are visited in the order of their folders and names, so that
a scrub that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Self

from echocast.model.atomic_files import move_into_place, scratch_file, write_whole
from echocast.model.errors import InputError
from echocast.model.formats.forecast_reader import read_methods
from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.imagery.image_file import ImageFile
from echocast.workers.archive.archive import Archive
from echocast.workers.archive.damage import recorded_digest
from echocast.workers.archive.files import Files
from echocast.workers.archive.object_files import stream_files
from echocast.workers.errors import ArchiveDamaged, NotInArchive
from echocast.workers.settings import WorkerSettings
from echocast.workers.streams.count_store import parsed_counts
from echocast.workers.streams.forecast_store import IssuedForecast
from echocast.workers.streams.paths import ASIDE

STATE_FILE = "verify-archive.json"  # in the data folder, while a scrub is not done
SAVE_SECONDS = 5.0
OF_INPUTS = "inputs"
OF_STREAMS = ("counts", "forecasts", "frames", "images", "streams", "verification")
WRONG = (InputError, ArchiveDamaged, OSError, ValueError, LookupError, TypeError, AttributeError)


@dataclass
class ScrubState:
    """How far a scrub came.

    Args:
        last: Store, folder and name of the file that was read last.
        files: How many were read.
        damaged: What is wrong with files, by their paths.
    """

    last: tuple[str, str, str] = ("", "", "")
    files: int = 0
    damaged: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The state that was saved; a new one where there is none, or a damaged one."""
        try:
            value: Mapping[str, Any] = json.loads(path.read_bytes())
            store, folder, name = value["last"]
            return cls((store, folder, name), value["files"], dict(value["damaged"]))
        except (OSError, ValueError, LookupError, TypeError):
            return cls()

    def save(self, path: Path) -> None:
        """Save it as a whole."""
        with scratch_file(path.parent) as new:
            write_whole(new, json.dumps(self.__dict__).encode())
            move_into_place(new, path)


class Scrub:
    """A scrub of all files of an archive, and of streams elsewhere.

    Args:
        settings: Where they are.
        restart: Begin anew where an earlier one was interrupted.
    """

    def __init__(self, settings: WorkerSettings, *, restart: bool = False) -> None:
        self._archive = Archive(settings.archive_root)
        self._stores: dict[str, Files] = {"archive": self._archive.files}
        if settings.streams_url:
            self._stores["streams"] = stream_files(settings)
        self._path = settings.data_dir / STATE_FILE
        self.state = ScrubState() if restart else ScrubState.load(self._path)

    def count(self) -> int:
        """How many files there are to read; those that were read are not among them."""
        return sum(1 for _ in self._pending())

    def run(self) -> Iterator[str]:
        """Read file after file; the path of each when it is done."""
        saved = time.monotonic()
        try:
            for place in self._pending():
                store, folder, name = place
                path = f"{folder}/{name}"
                if wrong := self._wrong(self._stores[store], path):
                    self.state.damaged[path] = wrong
                self.state.last, self.state.files = place, self.state.files + 1
                if time.monotonic() - saved > SAVE_SECONDS:
                    self.state.save(self._path)
                    saved = time.monotonic()
                yield path
        except BaseException:
            self.state.save(self._path)
            raise
        self._path.unlink(missing_ok=True)

    def _pending(self) -> Iterator[tuple[str, str, str]]:
        """Store, folder and name of every file after the one that was read last."""
        for store, files in sorted(self._stores.items()):
            roots = OF_STREAMS if store == "streams" else (OF_INPUTS, *OF_STREAMS)
            for folder in sorted(folder for root in roots for folder in _folders(files, root)):
                if (store, folder) >= self.state.last[:2]:
                    for name in sorted(entry.name for entry in files.listing(folder)):
                        if (store, folder, name) > self.state.last:
                            yield store, folder, name

    def _wrong(self, files: Files, path: str) -> str:
        """What is wrong with a file; empty: nothing, or it was removed meanwhile."""
        try:
            self._read(files, PurePosixPath(path))
        except WRONG as error:
            return str(error) or type(error).__name__
        except NotInArchive:
            pass
        return ""

    def _read(self, files: Files, path: PurePosixPath) -> None:
        kind, owner = path.parts[:2]
        if kind == OF_INPUTS:
            self._archive.checked_frames_file(path.stem)
        elif kind == "images":
            ImageFile(files.local(str(path)))
        elif path.suffix == ".nc":
            _read_forecast(files.local(str(path)))
        elif kind == "frames" and path.suffix != ASIDE:
            StreamFrame.from_bytes(files.get(str(path)))
        elif kind == "forecasts":
            _read_description(files, str(path))
        elif kind in ("counts", "verification") and owner != "adhoc":
            parsed_counts(str(path), files.get(str(path)))
        else:
            json.loads(files.get(str(path)))


def _read_forecast(local: Path) -> None:
    """A file of an earlier version, whose name says nothing about it, is read."""
    if recorded_digest(local.name) is None:
        for _ in read_methods(local).parts:
            pass


def _read_description(files: Files, path: str) -> None:
    issued = IssuedForecast.from_json(json.loads(files.get(path)))
    if issued.path and files.version(issued.path) is None and files.version(path) is not None:
        raise ValueError(f"The forecast's file {issued.path} is not there.")


def _folders(files: Files, folder: str) -> Iterator[str]:
    """A folder and all below it."""
    yield folder
    for name in files.folders(folder):
        yield from _folders(files, f"{folder}/{name}")
