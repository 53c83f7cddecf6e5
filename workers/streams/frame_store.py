"""FrameStore: the observed frames of streams as files, one object a frame.

A frame that ended its workers is set aside: an object beside it says so, and for all who look for
frames in a span there is none.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace as replace_fields
from datetime import datetime
from functools import lru_cache
from itertools import islice

from echocast.model.errors import UnreadableInput
from echocast.model.formats.stream_frame import FrameHeader, PackedFrame, StreamFrame, read_header
from echocast.model.frames import FloatArray
from echocast.workers.archive.files import Entry, Files
from echocast.workers.errors import ArchiveError, NotInArchive, StreamConflict
from echocast.workers.streams.paths import (
    ASIDE,
    TimeSpan,
    aside_path,
    day_folder,
    day_folders,
    encoded,
    frame_path,
    time_of,
)

REMEMBERED = 20_000  # headers, about a kilobyte each
DECODED_BYTES = 128 * 2**20  # 40 frames of 900 x 900 pixels


class DecodedFrames:
    """Values of the frames that were used last, by their hashes; threads may share them.

    Args:
        capacity_bytes: What all of them take at most.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity = capacity_bytes
        self._bytes = 0
        self._values: OrderedDict[str, FloatArray] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, sha256: str) -> FloatArray | None:
        """The values of a frame, (height, width) in dBZ, read-only; None: decode it."""
        with self._lock:
            if sha256 in self._values:
                self._values.move_to_end(sha256)
            return self._values.get(sha256)

    def put(self, sha256: str, values_dbz: FloatArray) -> None:
        """Remember the values of a frame, which become read-only; the oldest ones go."""
        values_dbz.flags.writeable = False
        with self._lock:
            if sha256 not in self._values:
                self._values[sha256] = values_dbz
                self._bytes += values_dbz.nbytes
            while self._bytes > self._capacity:
                self._bytes -= self._values.popitem(last=False)[1].nbytes


class FrameStore:
    """Frames as files; safe to share among threads and processes.

    Args:
        files: Where they lie.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._remembered = lru_cache(REMEMBERED)(self._read)
        self._decoded = DecodedFrames(DECODED_BYTES)

    def put(self, stream: str, frame: StreamFrame | PackedFrame, *, replace: bool) -> str:
        """Store a frame: ``created``, ``same`` or ``replaced``.

        Raises:
            StreamConflict: Another frame is there and must not be replaced.
        """
        path = frame_path(stream, frame.header.time)
        if self._files.create(path, frame.to_bytes()):
            return "created"
        earlier, aside = self._read(path), aside_path(stream, frame.header.time)
        lifted = replace and self._files.version(aside) is not None
        if earlier.sha256 == frame.header.sha256 and not lifted:
            return "same"
        if not replace:
            raise StreamConflict(
                f"The stream {stream!r} has another frame of {frame.header.time.isoformat()}"
                " already; send it with replace=true to replace it."
            )
        header = replace_fields(frame.header, late=earlier.late)  # its forecast may be due still
        self._files.put(path, replace_fields(frame, header=header).to_bytes())
        self._files.delete(aside)
        return "replaced"

    def set_aside(self, stream: str, time: datetime, why: str) -> None:
        """Have a frame count as missing until it is replaced; its file stays."""
        self._files.put(aside_path(stream, time), encoded({"why": why}))

    def set_aside_times(self, stream: str) -> list[datetime]:
        """Which frames of the newest two days were set aside, oldest first."""
        folders = day_folders(self._files, f"frames/{stream}", newest_first=True)
        return sorted(
            time_of(entry.name)
            for folder in islice(folders, 2)
            for entry in self._files.listing(folder)
            if entry.name.endswith(ASIDE)
        )

    def get(self, stream: str, time: datetime) -> StreamFrame | None:
        """The frame of a time, None where there is none."""
        header = self.header(stream, time)
        if header is None:
            return None
        values = self._decoded.get(header.sha256)
        return StreamFrame(header, values) if values is not None else self._decode(stream, time)

    def _decode(self, stream: str, time: datetime) -> StreamFrame | None:
        path = frame_path(stream, time)
        try:
            content = self._files.get(path)
        except NotInArchive:
            return None
        with _damage_named(path):
            frame = StreamFrame.from_bytes(content)
        self._decoded.put(frame.header.sha256, frame.reflectivity_dbz)
        return frame

    def header(self, stream: str, time: datetime) -> FrameHeader | None:
        """What is known of the frame of a time, None where there is none."""
        path = frame_path(stream, time)
        version = self._files.version(path)
        return None if version is None else self._remembered(path, version)

    def headers(self, stream: str, span: TimeSpan) -> list[FrameHeader]:
        """The frames of a span that were not set aside, oldest first."""
        return [self._remembered(entry.path, entry.version) for entry in self._in(stream, span)]

    def times(self, stream: str, span: TimeSpan) -> list[datetime]:
        """When the frames of a span are valid, oldest first, from their names."""
        return [time_of(entry.name) for entry in self._in(stream, span)]

    def newest_time(self, stream: str) -> datetime | None:
        """When the newest frame is valid, None before the first."""
        for folder in day_folders(self._files, f"frames/{stream}", newest_first=True):
            if entries := self._frames(folder):
                return time_of(entries[-1].name)
        return None

    def oldest_time(self, stream: str) -> datetime | None:
        """When the oldest frame is valid, None before the first."""
        for folder in day_folders(self._files, f"frames/{stream}"):
            if entries := self._frames(folder):
                return time_of(entries[0].name)
        return None

    def _in(self, stream: str, span: TimeSpan) -> list[Entry]:
        days = (self._frames(day_folder("frames", stream, day)) for day in span.days())
        return [entry for day in days for entry in day if time_of(entry.name) in span]

    def _frames(self, folder: str) -> list[Entry]:
        """The frames of a day that were not set aside, from names alone."""
        entries = self._files.listing(folder)
        aside = {time_of(entry.name) for entry in entries if entry.name.endswith(ASIDE)}
        return [e for e in entries if time_of(e.name) not in aside] if aside else entries

    def _read(self, path: str, _version: str = "") -> FrameHeader:
        with _damage_named(path):
            return read_header(self._files.get(path))


@contextmanager
def _damage_named(path: str) -> Iterator[None]:
    """What can't be read here was written by us: not the caller's error, but the archive's."""
    try:
        yield
    except UnreadableInput as error:
        raise ArchiveError(f"{path}: {error}") from error
