"""CountStore: the counts of every forecast that was valid at a frame, one object a frame.

An object is written once, with the counts of all forecasts so far by their ids. A forecast that is
issued after its frame came makes another object, with its own counts and all that were there; then
the one that was there is removed. Earlier versions wrote one object for each forecast and frame;
they are read on, and ``echocast reindex`` makes one object a frame of them.

No counts are lost where several workers write for one frame at the same time:

* Counts follow from a forecast and a frame, which never change. So two workers never disagree, and
  who reads a frame's counts takes all its objects together.
* A worker removes an object only once another one is written with all of its counts and more. That
  one may be removed too, for one with more again; the last of them is there. So whatever was
  written stands in at least one object.
* An object of a listing may be gone when it is read. Then its forecasts are counted once more, with
  the same result.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from echocast.model.formats.stream_layout import day_folder, stamp, time_of
from echocast.model.verification.counts import Counts
from echocast.workers.archive.damage import COUNTS, DAMAGE
from echocast.workers.archive.files import Entry, Files
from echocast.workers.archive.remembered import remembering
from echocast.workers.errors import NotInArchive
from echocast.workers.streams.paths import (
    HASH_LENGTH,
    CountKey,
    TimeSpan,
    day_folders,
    day_of,
    encoded,
)

REMEMBERED = 8192  # objects at most whose forecasts are known, some hundred bytes each
REMEMBERED_COUNTS = 32  # objects whose counts are known, some hundred kilobytes each

FrameCounts = Mapping[str, Counts]  # by forecast


@dataclass(frozen=True)
class CountsObject:
    """One object with counts: ``<time>_<frame>.<digest>.json``; the digest is that of its content.

    Before 2.1.0 it was that of the ids of the forecasts.
    Of earlier versions: ``<time>_<forecast>_<frame>.json``, with the counts of one forecast.
    """

    entry: Entry

    @property
    def name(self) -> list[str]:
        """Time, in objects of earlier versions forecast, and frame."""
        return self.entry.name.partition(".")[0].split("_")

    @property
    def forecast(self) -> str | None:
        """The only forecast, in objects of earlier versions."""
        return self.name[1] if len(self.name) == 3 else None

    @property
    def digest(self) -> str:
        """The digest in the name."""
        return self.entry.name.split(".")[-2]

    @property
    def frame(self) -> tuple[datetime, str]:
        """Valid time of the frame and first digits of its hash."""
        return time_of(self.entry.name), self.name[-1]


@dataclass(frozen=True)
class CountedFrame:
    """A frame with counts, in one object or in several.

    Args:
        valid_time: Of the frame, UTC.
        frame_sha: First digits of its hash.
        objects: Where its counts lie.
    """

    valid_time: datetime
    frame_sha: str
    objects: tuple[CountsObject, ...]


class CountStore:
    """Counts as files; safe to share among threads and processes.

    ``damaged`` says what is wrong with objects, by their paths; whoever reads them adds to it.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self.damaged: dict[str, str] = {}
        self._counts = lru_cache(REMEMBERED_COUNTS)(self._read)
        self._forecasts = remembering(REMEMBERED, self._read_forecasts)

    def frames(self, stream: str, span: TimeSpan) -> list[CountedFrame]:
        """The frames of a span that have counts, oldest first: names alone say so."""
        frames: dict[tuple[datetime, str], list[CountsObject]] = defaultdict(list)
        for day in span.days():
            for folder in (day_folder("counts", stream, day), earlier_folder(stream, day)):
                for entry in self._files.listing(folder):
                    if time_of(entry.name) in span:
                        frames[CountsObject(entry).frame].append(CountsObject(entry))
        return [CountedFrame(*frame, tuple(objects)) for frame, objects in sorted(frames.items())]

    def keys(self, frame: CountedFrame) -> set[CountKey]:
        """What was counted at a frame."""
        return {
            CountKey(frame.valid_time, forecast, frame.frame_sha)
            for one in frame.objects
            for forecast in self._forecasts_in(one)
        }

    def counts(
        self, frame: CountedFrame, forecasts: Collection[str] | None = None
    ) -> dict[str, Counts]:
        """The counts at a frame: of some forecasts, or of all."""
        return {
            forecast: counts
            for one in frame.objects
            if forecasts is None or one.forecast is None or one.forecast in forecasts
            for forecast, counts in self._counts_in(one).items()
            if forecasts is None or forecast in forecasts
        }

    def get(self, stream: str, key: CountKey) -> Counts | None:
        """The counts of a forecast at a frame, None where there are none."""
        frame = self._frame(stream, key.valid_time, key.frame_sha)
        return self.counts(frame, {key.forecast_id}).get(key.forecast_id)

    def put(self, stream: str, time: datetime, frame_sha: str, counts: FrameCounts) -> None:
        """Add counts of forecasts to those of a frame; adding them again changes nothing."""
        before = self._frame(stream, time, frame_sha)
        together = {**self.counts(before), **counts}
        content = encoded(together)
        path = counts_path(stream, time, frame_sha, content)
        self._files.put(path, content)
        self._delete(before, but=path)

    def merge(self, stream: str, span: TimeSpan) -> None:
        """Make one object a frame where there are several, or some of earlier versions."""
        for frame in self.frames(stream, span):
            if len(frame.objects) > 1 or frame.objects[0].forecast:
                self.put(stream, frame.valid_time, frame.frame_sha, {})
        for day in span.days():
            self._files.remove_folder(earlier_folder(stream, day))

    def drop(self, stream: str, frame: CountedFrame, but: Collection[str] = ()) -> None:
        """Remove the counts at a frame that was replaced, but for those of some forecasts."""
        path = ""
        if staying := self.counts(frame, but):
            content = encoded(staying)
            path = counts_path(stream, frame.valid_time, frame.frame_sha, content)
            self._files.put(path, content)
        self._delete(frame, but=path)

    def days(self, stream: str) -> list[datetime]:
        """Every UTC day that has counts, in order."""
        return sorted({day for day, _ in self.folders(stream)})

    def folders(self, stream: str) -> Iterator[tuple[datetime, str]]:
        """Every folder with counts, and its UTC day."""
        for folder in day_folders(self._files, f"counts/{stream}"):
            yield day_of(folder), folder
        for name in self._files.folders(f"verification/{stream}"):
            day = datetime.fromisoformat(name).replace(tzinfo=UTC)
            yield day, earlier_folder(stream, day)

    def _frame(self, stream: str, time: datetime, frame_sha: str) -> CountedFrame:
        frames = self.frames(stream, TimeSpan(time, time))
        same = (frame for frame in frames if frame.frame_sha == frame_sha)
        return next(same, CountedFrame(time, frame_sha, ()))

    def _delete(self, frame: CountedFrame, but: str = "") -> None:
        for one in frame.objects:
            if one.entry.path != but:
                self._files.delete(one.entry.path)

    def _counts_in(self, one: CountsObject) -> FrameCounts:
        """Nothing, where the object was removed meanwhile."""
        try:
            return self._counts(one.entry.path, one.entry.version)
        except NotInArchive:
            return {}

    def _forecasts_in(self, one: CountsObject) -> tuple[str, ...]:
        try:
            return (one.forecast,) if one.forecast else self._forecasts(*one.entry.place)
        except NotInArchive:
            return ()

    def _read_forecasts(self, path: str, version: str) -> tuple[str, ...]:
        return tuple(map(sys.intern, self._counts(path, version)))

    def _read(self, path: str, version: str) -> FrameCounts:
        """The counts in an object; a damaged one has none, and its forecasts are counted again."""
        content = self._files.get(path)
        try:
            return parsed_counts(path, content)
        except (ValueError, TypeError, AttributeError) as error:
            self.damaged[path] = str(error)
            DAMAGE.report(COUNTS, path, f"It holds no counts: {error}.", version)
            return {}


def parsed_counts(path: str, content: bytes) -> FrameCounts:
    """The counts in the content of an object.

    Raises:
        ValueError: It is not what was written.
        TypeError: It is JSON, but no counts.
        AttributeError: Likewise.
    """
    counts = json.loads(content)
    one = CountsObject(Entry(path, ""))
    if one.forecast:
        counts = {one.forecast: counts}
    elif one.digest == _digest(content):
        return counts  # type: ignore[no-any-return]
    elif one.digest != _digest("\n".join(sorted(counts)).encode()):
        raise ValueError("its hash is not that in its name")
    for named in counts.values():
        for name, numbers in named.items():
            lead = float(name.partition("|")[0])
            if not math.isfinite(lead) or {type(number) for number in numbers} - {int}:
                raise ValueError(f"{name[:40]!r} does not name whole numbers of a lead time")
    return counts  # type: ignore[no-any-return]


def counts_path(stream: str, time: datetime, frame_sha: str, content: bytes) -> str:
    """Where counts at a frame lie: other counts, another object."""
    folder = day_folder("counts", stream, time)
    return f"{folder}/{stamp(time)}_{frame_sha}.{_digest(content)}.json"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:HASH_LENGTH]


def earlier_folder(stream: str, day: datetime) -> str:
    """Where earlier versions wrote the counts of a day."""
    return f"verification/{stream}/{day:%Y-%m-%d}"
