"""StreamStores: everything that is kept of streams, as files."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from echocast.workers.archive.files import Files
from echocast.workers.streams.count_store import CountStore
from echocast.workers.streams.forecast_store import ForecastStore
from echocast.workers.streams.frame_store import FrameStore
from echocast.workers.streams.stream_store import StreamStore

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

    def set_aside(self, stream: str, time: datetime, why: str) -> None:
        """Have a frame count as missing, and say so."""
        self.frames.set_aside(stream, time, why)
        log.error(
            "The frame of %s of the stream %s is set aside and counts as missing: %s Send it again"
            " with replace=true to have it tried again.",
            time.isoformat(),
            stream,
            why,
        )
