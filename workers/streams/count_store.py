"""CountStore: the counts of every pair of a forecast and a frame, one object a pair."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from echocast.model.verification.counts import Counts
from echocast.workers.archive.files import Files
from echocast.workers.errors import NotInArchive
from echocast.workers.streams.paths import CountKey, TimeSpan, encoded


class CountStore:
    """Counts as files; safe to share among threads and processes.

    Args:
        files: Where they lie.
    """

    def __init__(self, files: Files) -> None:
        self._files = files

    def put(self, stream: str, pair: CountKey, counts: Counts) -> None:
        """Keep the counts of a pair; writing them again writes the same."""
        self._files.put(pair.path(stream), encoded(counts))

    def get(self, stream: str, pair: CountKey) -> Counts | None:
        """The counts of a pair, None where there are none."""
        try:
            counts: Counts = json.loads(self._files.get(pair.path(stream)))
        except (NotInArchive, ValueError):
            return None
        return counts

    def drop(self, stream: str, pair: CountKey) -> None:
        """Remove the counts of a pair whose frame was replaced."""
        self._files.delete(pair.path(stream))

    def pairs(self, stream: str, span: TimeSpan) -> set[CountKey]:
        """The pairs with counts whose frames are valid within a span."""
        found = (
            CountKey.of(entry)
            for day in span.days()
            for entry in self._files.listing(f"verification/{stream}/{day:%Y-%m-%d}")
        )
        return {pair for pair in found if pair.valid_time in span}

    def days(self, stream: str) -> list[datetime]:
        """Every UTC day that has counts, in order."""
        days = self._files.folders(f"verification/{stream}")
        return [datetime.fromisoformat(day).replace(tzinfo=UTC) for day in days]
