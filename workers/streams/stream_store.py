"""StreamStore: which streams there are, with their declarations and origins."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from echocast.model.errors import ContractViolation
from echocast.model.formats.stream_layout import NAME, declaration_path, origin_path
from echocast.model.grid_difference import grid_difference
from echocast.workers.archive.files import Files
from echocast.workers.errors import StreamConflict, UnknownStream
from echocast.workers.streams.paths import encoded
from echocast.workers.streams.stream import Origin, Stream

REMEMBERED = 256  # declarations and origins
MOST_PAUSES = 1000  # of a stream, the newest
DELETED = "deleted"


@dataclass(frozen=True)
class Deletion:
    """What stands in place of the declaration of a stream that was deleted.

    Args:
        stream: Its name.
        generation: Of the stream that was deleted.
        time: When, UTC.
        complete: Whether nothing of it is left.
    """

    stream: str
    generation: int
    time: datetime
    complete: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        about = {"generation": self.generation, "complete": self.complete}
        return {DELETED: self.time.isoformat(), **about}


class StreamStore:
    """Declarations as files; safe to share among threads and processes."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._remembered = lru_cache(REMEMBERED)(self._read)
        self._origins = lru_cache(REMEMBERED)(self._read_origin)
        self._streams = lru_cache(REMEMBERED)(self._read_stream)

    def declare(self, stream: Stream) -> tuple[Stream, bool]:
        """Declare a stream; the valid declaration, and whether the stream is new.

        Raises:
            StreamConflict: It was declared with another grid, step or unit.
            UnknownStream: It was deleted; see :meth:`declare_anew`.
        """
        path = declaration_path(stream.name)
        if self._files.create(path, encoded(stream.to_json())):
            return stream, True
        earlier = self.stream(stream.name)
        valid = earlier.redeclared(stream)
        origin = self.origin(stream.name)
        if origin and valid.grid and not origin.grid.near(valid.grid):
            raise StreamConflict(
                f"Declarations of the stream {stream.name!r} must be on the grid of its frames,"
                f" but {grid_difference(origin.grid, valid.grid)}."
            )
        if valid.to_json() != earlier.to_json():
            self._files.put(path, encoded(valid.to_json()))
        return valid, False

    def declare_anew(self, stream: Stream, before: Deletion) -> Stream:
        """Declare a stream in place of one that was deleted; nothing of that one may be left."""
        return self._written(replace(stream, generation=before.generation + 1))

    def pause(self, name: str, *, paused: bool, now: datetime | None = None) -> Stream:
        """Pause a stream, or resume it; when is remembered, ``now`` unless given.

        Raises:
            UnknownStream: There is none.
        """
        before = self.stream(name)
        if before.paused != paused:
            self._note_pause(name, now or datetime.now(UTC), paused=paused)
        return self._written(replace(before, paused=paused))

    def set_leads(self, name: str, leads: int | None) -> Stream:
        """Let the forecasts of a stream have so many lead times; None: as the network makes.

        Raises:
            UnknownStream: There is none.
            ContractViolation: As many there cannot be.
        """
        return self._written(replace(self.stream(name), leads=leads))

    def _written(self, stream: Stream) -> Stream:
        """A declaration, once it is valid instead of the one before."""
        self._files.put(declaration_path(stream.name), encoded(stream.to_json()))
        return stream

    def paused_time(self, name: str, begin: datetime, end: datetime) -> timedelta:
        """For how much of a time a stream was paused: no frames were expected then."""
        read = datetime.fromisoformat
        pauses = ((read(first), read(last) if last else end) for first, last in self._pauses(name))
        shares = (min(last, end) - max(first, begin) for first, last in pauses)
        return sum((share for share in shares if share > timedelta(0)), timedelta(0))

    def _note_pause(self, name: str, now: datetime, *, paused: bool) -> None:
        """Write when a pause begins or ends; one that an earlier version began is not known."""
        pauses = self._pauses(name)
        if paused:
            pauses.append((now.isoformat(), None))
        elif pauses and pauses[-1][1] is None:
            pauses[-1] = (pauses[-1][0], now.isoformat())
        self._files.put(_pauses_path(name), encoded({"pauses": pauses[-MOST_PAUSES:]}))

    def _pauses(self, name: str) -> list[tuple[str, str | None]]:
        value = self._value(_pauses_path(name)) or {"pauses": []}
        return [(first, last) for first, last in value["pauses"]]

    def delete(self, name: str) -> Deletion:
        """Delete a stream: from now on there is none, whatever is left of its files.

        Raises:
            UnknownStream: There is none.
        """
        deletion = Deletion(name, self.stream(name).generation, datetime.now(UTC))
        self.note(deletion)
        return deletion

    def note(self, deletion: Deletion) -> None:
        """Write how far a deletion is."""
        self._files.put(declaration_path(deletion.stream), encoded(deletion.to_json()))

    def deletion(self, name: str) -> Deletion | None:
        """How far the deletion of a stream is; None where there is one, or never was any."""
        try:
            value = self._value(declaration_path(name))
        except ValueError:  # who reads the declaration says that it is damaged
            return None
        if value is None or DELETED not in value:
            return None
        time = datetime.fromisoformat(value[DELETED])
        return Deletion(name, value["generation"], time, value["complete"])

    def deletions(self) -> Iterator[Deletion]:
        """Deletions that may have left something."""
        for name in self._files.folders("streams"):
            deletion = self.deletion(name)
            if deletion and not deletion.complete:
                yield deletion

    def current(self, stream: Stream) -> Stream:
        """A stream as it is declared now.

        Raises:
            UnknownStream: It was deleted meanwhile, whether or not another one has its name.
        """
        now = self.stream(stream.name)
        if now.generation != stream.generation:
            raise UnknownStream(f"The stream {stream.name!r} was deleted, and is another one now.")
        return now

    def stream(self, name: str) -> Stream:
        """The stream of that name.

        Raises:
            UnknownStream: None was declared, or it was deleted.
        """
        unknown = UnknownStream(f"There is no stream {name[:80]!r}; declare it first.")
        if not NAME.fullmatch(name):
            raise unknown
        path = declaration_path(name)
        version = self._files.version(path)
        stream = None if version is None else self._streams(path, version)
        if stream is None:
            raise unknown
        return stream

    def names(self) -> list[str]:
        """All declared streams."""
        known = self._files.folders("streams")
        declared = (name for name in known if self._files.version(declaration_path(name)))
        return [name for name in declared if self.deletion(name) is None]

    def origin(self, name: str) -> Origin | None:
        """Grid and phase of the first frame, None before it came."""
        path = origin_path(name)
        version = self._files.version(path)
        return None if version is None else self._origins(path, version)

    def set_origin(self, stream: Stream, origin: Origin) -> Origin:
        """Set the origin where this frame is the first; the origin of the first frame.

        Raises:
            ContractViolation: The frame is on another grid than the stream.
        """
        declared = stream.grid or origin.grid
        first = self.origin(stream.name)
        if first is None and declared.near(origin.grid):
            self._files.create(origin_path(stream.name), encoded(origin.to_json()))
            first = self.origin(stream.name)
        grid = first.grid if first else declared
        if first is None or not grid.near(origin.grid):
            raise ContractViolation(
                f"Frames of the stream {stream.name!r} must be on its grid, but"
                f" {grid_difference(grid, origin.grid)}.",
                rule="grid",
            )
        return first

    def canary(self, name: str, champion: str) -> str:
        """``name/version`` of the model that forecast first: it stays the stream's canary."""
        path = f"streams/{name}/canary.json"
        if self._files.version(path) is None:
            self._files.create(path, encoded({"model": champion}))
        return str((self._value(path) or {})["model"])

    def _value(self, path: str) -> Mapping[str, Any] | None:
        """The JSON in a file, None where there is none; it is read once for each version."""
        version = self._files.version(path)
        return None if version is None else self._remembered(path, version)

    def _read_stream(self, path: str, version: str) -> Stream | None:
        """None where it was deleted."""
        value = self._remembered(path, version)
        return None if DELETED in value else Stream.from_json(value)

    def _read_origin(self, path: str, version: str) -> Origin:
        return Origin.from_json(self._remembered(path, version))

    def _read(self, path: str, _version: str) -> Mapping[str, Any]:
        value: Mapping[str, Any] = json.loads(self._files.get(path))
        return value


def _pauses_path(name: str) -> str:
    """Where it stands when a stream was paused."""
    return f"streams/{name}/pauses.json"
