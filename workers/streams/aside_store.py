"""AsideStore: which frames of streams count as missing although they came, one object a frame."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice

from echocast.model.formats.stream_layout import time_of
from echocast.workers.archive.files import Entry, Files
from echocast.workers.errors import NotInArchive
from echocast.workers.streams.paths import ASIDE, aside_path, day_folders, encoded

REMEMBERED = 1000  # objects, some hundred bytes each


@dataclass(frozen=True)
class SetAside:
    """A frame that counts as missing.

    Args:
        time: Of the frame, UTC.
        why: In a sentence or two.
        kind: How it is implausible, see :mod:`echocast.model.sequence.rain_changes`; empty where it
            ended its workers or is damaged.
    """

    time: datetime
    why: str
    kind: str = ""


class AsideStore:
    """What says that frames were set aside; safe to share among threads and processes."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._remembered = lru_cache(REMEMBERED)(self._read)

    def put(self, stream: str, aside: SetAside) -> None:
        """Have a frame count as missing until it is replaced; its file stays."""
        about = {"why": aside.why} | ({"kind": aside.kind} if aside.kind else {})
        self._files.put(aside_path(stream, aside.time), encoded(about))

    def get(self, stream: str, time: datetime) -> SetAside | None:
        """Why the frame of a time was set aside; None where it was not."""
        path = aside_path(stream, time)
        version = self._files.version(path)
        return None if version is None else self._remembered(path, version)

    def newest(self, stream: str) -> list[SetAside]:
        """Frames of the newest two days that were set aside, oldest first."""
        folders = day_folders(self._files, f"frames/{stream}", newest_first=True)
        entries = (e for folder in islice(folders, 2) for e in self._files.listing(folder))
        return self.read(entry for entry in entries if entry.name.endswith(ASIDE))

    def read(self, entries: Iterable[Entry]) -> list[SetAside]:
        """What some objects say, oldest first."""
        asides = (self._remembered(*entry.place) for entry in entries)
        return sorted((one for one in asides if one), key=lambda one: one.time)

    def _read(self, path: str, _version: str) -> SetAside | None:
        """None where it was lifted meanwhile; an unreadable one still counts."""
        time = time_of(path.rpartition("/")[2])
        try:
            about = json.loads(self._files.get(path))
            return SetAside(time, str(about["why"]), str(about.get("kind", "")))
        except NotInArchive:
            return None
        except (ValueError, LookupError, TypeError, AttributeError):
            return SetAside(time, "")
