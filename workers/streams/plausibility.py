"""Plausibility of a stream's frames: what cannot follow the frames before it is set aside."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from echocast.model.frames import Frames
from echocast.model.sequence.plausibility import PLAUSIBILITY, examine
from echocast.workers.archive.remembered import remembering
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Stream

EXAMINED = 10  # frames that are looked at together
REMEMBERED = 10_000  # frames that were examined


class FrameExamination:
    """Examines frames as they come; safe to share among threads.

    What it finds follows from the frames, so every worker finds the same.
    """

    def __init__(self, stores: StreamStores) -> None:
        self._stores = stores
        self._once = remembering(REMEMBERED, self._examine)

    def examine(self, stream: Stream, time: datetime) -> None:
        """Set a frame aside where it cannot follow those before it, unless that was looked at."""
        header = self._stores.frames.header(stream.name, time)
        if header is not None and PLAUSIBILITY not in header.notes:
            self._once(stream.name, time, header.sha256, header.received)

    def _examine(self, name: str, time: datetime, _sha256: str, _received: datetime) -> None:
        stream = self._stores.streams.stream(name)
        frames = self._until(stream, time)
        if frames is None:
            return
        examination, newest = examine(frames, stream.longest_gap), len(frames) - 1
        doubt = examination.doubts.get(newest)  # of this frame alone: others may be counted already
        if newest <= examination.believed[0] or self._stores.frames.aside.get(name, time):
            return
        if doubt:
            self._stores.set_aside(name, time, doubt.text, doubt.kind)

    def _until(self, stream: Stream, time: datetime) -> Frames | None:
        """A frame and those before it, implausible ones too; None where it is the first or gone."""
        store, name = self._stores.frames, stream.name
        span = TimeSpan(time - (EXAMINED - 1) * stream.step, time)
        headers = store.headers(name, span, implausible=True)
        frames = [frame for header in headers if (frame := store.get(name, header.time))]
        origin = self._stores.streams.origin(name)
        if origin is None or len(frames) < 2 or frames[-1].header.time != time:
            return None
        return Frames.trusted(
            np.stack([frame.reflectivity_dbz for frame in frames]),
            [frame.header.time for frame in frames],
            origin.grid,
            min(frame.header.no_rain_dbz for frame in frames),
            {},
            {},
        )
