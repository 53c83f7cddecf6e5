"""StreamStores: all files of streams, by kind."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from echocast.workers.archive.files import Files
from echocast.workers.streams.aside_store import SetAside
from echocast.workers.streams.count_store import CountStore
from echocast.workers.streams.forecast_store import ForecastStore
from echocast.workers.streams.frame_store import FrameStore
from echocast.workers.streams.paths import day_folders, day_of, midnight
from echocast.workers.streams.stream import Stream
from echocast.workers.streams.stream_store import StreamStore

SCORES_DAYS = 400.0  # for which counts stay at least
log = logging.getLogger("echocast.streams")


@dataclass(frozen=True)
class StreamStores:
    """The files of all streams, by what they hold; safe to share among threads."""

    files: Files
    streams: StreamStore
    frames: FrameStore
    forecasts: ForecastStore
    counts: CountStore

    @classmethod
    def of(cls, files: Files) -> Self:
        """The stores in some files."""
        return cls(
            files, StreamStore(files), FrameStore(files), ForecastStore(files), CountStore(files)
        )

    def set_aside(self, stream: str, time: datetime, why: str, kind: str = "") -> None:
        """Have a frame count as missing, and say so."""
        self.frames.aside.put(stream, SetAside(time, why, kind))
        log.error(
            "The frame of %s of the stream %s is set aside and counts as missing: %s Send it again"
            " with replace=true to have it %s.",
            time.isoformat(),
            stream,
            why,
            "believed" if kind else "tried again",
        )

    def remove_old(self, stream: Stream, newest: datetime) -> int:
        """Remove whole days of frames, forecasts and counts that are too old; how many days.

        Age is measured from the newest frame, not by the clock: a replayed archive of another year
        would be gone at once. Forecasts stay a day longer, as late frames may still score them.
        """
        first_day = midnight(newest - timedelta(days=stream.retention_days))
        first_scored_day = midnight(
            newest - timedelta(days=max(SCORES_DAYS, stream.retention_days))
        )
        folders = [
            folder
            for root in (f"frames/{stream.name}", f"forecasts/{stream.name}")
            for folder in day_folders(self.files, root)
            if day_of(folder) < first_day - timedelta(days=root.startswith("forecasts"))
        ]
        counted = self.counts.folders(stream.name)
        folders += [folder for day, folder in counted if day < first_scored_day]
        for folder in folders:
            for entry in self.files.listing(folder):
                self.files.delete(entry.path)
            self.files.remove_folder(folder)
        return len(folders)
