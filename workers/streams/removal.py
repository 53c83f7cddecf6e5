"""Removal of streams: all of one goes, also where a process ends in the middle of it.

1. The declaration is replaced by a mark, in one step. From then on there is no such stream: frames
   are refused, jobs of it end as cancelled, and no metric names it.
2. Files go, and what the engine has of it. The mark stays: it says which generation the next stream
   of that name is, so that nothing of this one is taken for that one's.
3. For an hour sweeps look again, for what a process wrote that had begun before. One that finds a
   mark after which nobody cleared up does it.

One process at a time clears up after a stream, or declares another one of its name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from redis.exceptions import RedisError

from echocast.model.formats.stream_layout import declaration_path
from echocast.workers.archive.files import Files
from echocast.workers.errors import StreamConflict
from echocast.workers.streams.count_sums import CountSums
from echocast.workers.streams.poison import forget_attempts
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Stream

FOLDERS: Final = ("frames", "forecasts", "images", "counts", "verification", "streams")
LATE: Final = timedelta(hours=1)  # for which something may still be written
TURN_SECONDS: Final = 60.0  # after which a process that says nothing more has lost its turn
PATIENCE_SECONDS: Final = 10.0
log = logging.getLogger("echocast.streams")


@dataclass(frozen=True)
class StreamRemoval:
    """Deletes streams, and declares them after that."""

    stores: StreamStores
    sums: CountSums

    def delete(self, name: str) -> None:
        """Delete a stream with all that is stored of it.

        Raises:
            UnknownStream: There is none.
            StreamConflict: Another process is clearing up after one of that name.
            EngineUnavailable: The engine does not answer; nothing was deleted.
        """
        self.stores.streams.stream(name)
        with self._turn(name) as go_on:
            self.stores.streams.delete(name)
            self._remove(name, go_on)

    def declare(self, stream: Stream) -> tuple[Stream, bool]:
        """Declare a stream; the valid declaration, and whether the stream is new.

        Raises:
            StreamConflict: It was declared with another grid, step or unit, or is being deleted.
            EngineUnavailable: One of that name was deleted, and the engine does not answer.
        """
        if self.stores.streams.deletion(stream.name) is None:
            return self.stores.streams.declare(stream)
        with self._turn(stream.name) as go_on:
            deletion = self.stores.streams.deletion(stream.name)
            if deletion is None:
                return self.stores.streams.declare(stream)
            self._remove(stream.name, go_on)
            return self.stores.streams.declare_anew(stream, deletion), True

    def sweep(self) -> None:
        """Clear up after streams that were deleted lately, or by a process that was ended."""
        for marked in self.stores.streams.deletions():
            with suppress(StreamConflict), self._turn(marked.stream) as go_on:
                deletion = self.stores.streams.deletion(marked.stream)
                if deletion is None:
                    continue
                self._remove(deletion.stream, go_on)
                if datetime.now(UTC) - deletion.time > LATE:
                    self.stores.streams.note(replace(deletion, complete=True))

    def _remove(self, name: str, go_on: Callable[[], object]) -> None:
        """Remove files and sums; the mark in place of the declaration stays."""
        for folder in FOLDERS:
            _empty(self.stores.files, f"{folder}/{name}", declaration_path(name), go_on)
        self.sums.remove(name)
        forget_attempts(self.sums.engine, name)

    @contextmanager
    def _turn(self, name: str) -> Iterator[Callable[[], object]]:
        """A context that one process at a time is in; it gets what must be called now and then.

        Raises:
            StreamConflict: Another process is in it for long.
        """
        call, key = self.sums.engine.call, f"echocast:stream-removal:{name}"
        turn = self.sums.engine.redis.lock(key, TURN_SECONDS, blocking_timeout=PATIENCE_SECONDS)
        if not call(turn.acquire):
            raise StreamConflict(f"The stream {name!r} is being deleted; try again in a moment.")
        try:
            yield lambda: call(turn.reacquire)
        finally:
            with suppress(RedisError):
                turn.release()


def _empty(files: Files, folder: str, but: str, go_on: Callable[[], object]) -> None:
    """Remove all that is below a folder, but one file."""
    for name in files.folders(folder):
        _empty(files, f"{folder}/{name}", but, go_on)
    entries = [entry for entry in files.listing(folder) if entry.path != but]
    for entry in entries:
        files.delete(entry.path)
    if entries:
        go_on()
    files.remove_folder(folder)
