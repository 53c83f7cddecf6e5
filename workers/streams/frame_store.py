"""FrameStore: the observed frames of streams as files, one object a frame.

A frame that ended its workers, that is damaged, or that cannot follow the frames before it, is set
aside: an object beside it says so, and for all who look for frames in a span there is none.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import replace as replace_fields
from datetime import datetime

from echocast.model.errors import UnreadableInput
from echocast.model.formats.stream_frame import FrameHeader, PackedFrame, StreamFrame, read_header
from echocast.model.formats.stream_layout import day_folder, frame_path, time_of
from echocast.model.grid import FloatArray
from echocast.model.sequence.plausibility import PLAUSIBILITY
from echocast.workers.archive.damage import DAMAGE, FRAME
from echocast.workers.archive.files import Entry, Files
from echocast.workers.archive.remembered import remembering
from echocast.workers.errors import NotInArchive, StreamConflict
from echocast.workers.streams.aside_store import AsideStore, SetAside
from echocast.workers.streams.paths import ASIDE, TimeSpan, aside_path, day_folders, encoded

log = logging.getLogger("echocast.streams")
REMEMBERED = 20_000  # headers at most, about 2.5 kilobytes each
DECODED_BYTES = 128 * 2**20  # 40 frames of 900 x 900 pixels
DECODED_FRAMES = 256  # small ones: what ten streams and more need at a time


class DecodedFrames:
    """Values of the frames that were used last, by their hashes; threads may share them.

    Args:
        capacity_bytes: What all of them take at most.
        most: How many there are at most.
    """

    def __init__(self, capacity_bytes: int, most: int) -> None:
        self._capacity, self._most = capacity_bytes, most
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
            while self._bytes > self._capacity or len(self._values) > self._most:
                self._bytes -= self._values.popitem(last=False)[1].nbytes


class FrameStore:
    """Frames as files; safe to share among threads and processes."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self.aside = AsideStore(files)
        self._remembered = remembering(REMEMBERED, self._read)
        self._decoded = DecodedFrames(DECODED_BYTES, DECODED_FRAMES)

    def put(self, stream: str, frame: StreamFrame | PackedFrame, *, replace: bool) -> str:
        """Store a frame: ``created``, ``same`` or ``replaced``; over a damaged one in any case.

        An implausible frame that is sent again as it was, to replace itself, is believed.

        Raises:
            StreamConflict: Another frame is there and must not be replaced.
        """
        time = frame.header.time
        path, aside = frame_path(stream, time), aside_path(stream, time)
        if self._files.create(path, frame.to_bytes()):
            return "created"
        earlier = self._decode(path)
        if earlier is not None:
            lifted = replace and self._files.version(aside) is not None
            if earlier.header.sha256 == frame.header.sha256 and not lifted:
                return "same"
            if not replace:
                raise StreamConflict(
                    f"The stream {stream!r} has another frame of {time.isoformat()} already;"
                    " send it with replace=true to replace it."
                )
            header = replace_fields(frame.header, late=earlier.header.late)  # it may be due still
            if lifted and earlier.header.sha256 == header.sha256:
                header = _believed(header, self.aside.get(stream, time))
            frame = replace_fields(frame, header=header)
        self._files.put(path, frame.to_bytes())
        self._files.delete(aside)
        return "replaced" if replace else "created"

    def set_aside_times(self, stream: str) -> list[datetime]:
        """Which frames of the newest two days ended their workers or are damaged, oldest first."""
        return [one.time for one in self.aside.newest(stream) if not one.kind]

    def get(self, stream: str, time: datetime) -> StreamFrame | None:
        """The frame of a time, None where there is none or a damaged one."""
        header = self.header(stream, time)
        if header is None:
            return None
        values = self._decoded.get(header.sha256)
        if values is not None:
            return StreamFrame(header, values)
        frame = self._decode(frame_path(stream, time))
        if frame is not None:
            self._decoded.put(frame.header.sha256, frame.reflectivity_dbz)
        return frame

    def header(self, stream: str, time: datetime) -> FrameHeader | None:
        """What is known of the frame of a time, None where there is none or a damaged one."""
        path = frame_path(stream, time)
        version = self._files.version(path)
        return None if version is None else self._header(path, version)

    def headers(
        self, stream: str, span: TimeSpan, *, implausible: bool = False
    ) -> list[FrameHeader]:
        """The frames of a span, oldest first.

        Args:
            stream: Its name.
            span: Of their times.
            implausible: Whether also those that are set aside as such; others never are.
        """
        entries = self._in(stream, span, implausible=implausible)
        read = (self._header(entry.path, entry.version) for entry in entries)
        return [header for header in read if header is not None]

    def times(self, stream: str, span: TimeSpan) -> list[datetime]:
        """When the frames of a span are valid, oldest first, from their names."""
        return [time_of(entry.name) for entry in self._in(stream, span)]

    def newest_time(self, stream: str, *, implausible: bool = False) -> datetime | None:
        """When the newest frame is valid, of plausible ones or of all; None before the first."""
        for folder in day_folders(self._files, f"frames/{stream}", newest_first=True):
            if entries := self._frames(folder, implausible=implausible):
                return time_of(entries[-1].name)
        return None

    def oldest_time(self, stream: str) -> datetime | None:
        """When the oldest frame is valid, None before the first."""
        for folder in day_folders(self._files, f"frames/{stream}"):
            if entries := self._frames(folder):
                return time_of(entries[0].name)
        return None

    def _in(self, stream: str, span: TimeSpan, *, implausible: bool = False) -> list[Entry]:
        folders = (day_folder("frames", stream, day) for day in span.days())
        days = (self._frames(folder, implausible=implausible) for folder in folders)
        return [entry for day in days for entry in day if time_of(entry.name) in span]

    def _frames(self, folder: str, *, implausible: bool = False) -> list[Entry]:
        """The frames of a day that were not set aside, from names alone."""
        entries = self._files.listing(folder)
        aside = [entry for entry in entries if entry.name.endswith(ASIDE)]
        if not aside:
            return entries
        no_frames = {time_of(entry.name) for entry in aside}
        if implausible:
            no_frames -= {one.time for one in self.aside.read(aside) if one.kind}
        frames = (entry for entry in entries if entry not in aside)
        return [entry for entry in frames if time_of(entry.name) not in no_frames]

    def _header(self, path: str, version: str) -> FrameHeader | None:
        try:
            return self._remembered(path, version)
        except NotInArchive:
            return None
        except UnreadableInput as error:
            self._count_as_missing(path, version, error)
            return None

    def _read(self, path: str, _version: str) -> FrameHeader:
        return read_header(self._files.get(path))

    def _decode(self, path: str) -> StreamFrame | None:
        version = self._files.version(path)
        try:
            return StreamFrame.from_bytes(self._files.get(path))
        except NotInArchive:
            return None
        except UnreadableInput as error:
            self._count_as_missing(path, version or "", error)
            return None

    def _count_as_missing(self, path: str, version: str, error: UnreadableInput) -> None:
        """Set a damaged frame aside, unless it was replaced meanwhile."""
        why = f"{error} It counts as missing until it is sent again."
        DAMAGE.report(FRAME, path, why, version)
        if self._files.version(path) == version:
            try:
                aside = path.rpartition(".")[0] + ASIDE
                self._files.create(aside, encoded({"why": why}))
            except OSError as failure:
                log.warning("%s can't be set aside now: %s", path, failure)


def _believed(header: FrameHeader, aside: SetAside | None) -> FrameHeader:
    """The header of a frame that was sent again although it was implausible."""
    if aside is None or not aside.kind:
        return header
    note = f"The image of {aside.time.isoformat()} was sent twice and is believed. {aside.why}"
    return replace_fields(header, notes={**header.notes, PLAUSIBILITY: note})
