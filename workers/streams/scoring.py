"""Scorer: counts every issued forecast at every frame at one of its valid times, once.

Frames that cannot follow those before them are set aside first: they show no weather.

What is still to be counted follows from the files, so any worker may count, in any order, at any
time and again. Counts are written first and added to the engine's sums second; what a killed
process left undone, the next one finds.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from echocast.model.errors import InputError
from echocast.model.formats.forecast_lead import read_lead
from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.grid import DEFAULT_PIXEL_KM
from echocast.model.verification.counts import MODEL, STREAM_THRESHOLDS_DBZ, Counts, with_lead
from echocast.model.verification.frame_counts import count
from echocast.model.verification.frame_statistics import OBSERVED, describe
from echocast.model.verification.storms import is_first_of_hour, storms
from echocast.workers.errors import NotInArchive
from echocast.workers.streams.count_store import CountedFrame
from echocast.workers.streams.count_sums import CountSums
from echocast.workers.streams.forecast_store import IssuedForecast
from echocast.workers.streams.paths import HASH_LENGTH, CountKey, TimeSpan
from echocast.workers.streams.plausibility import FrameExamination
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Stream

LONGEST_LEAD = timedelta(hours=24)
log = logging.getLogger("echocast.streams")


@dataclass(frozen=True)
class PendingCounts:
    """What a stream's files say there is to count in a span of valid times.

    Args:
        expected: Every forecast at every frame, with the forecast; None for the frame itself. Of a
            forecast whose file is gone or reduced: what was counted, also at a frame that was
            replaced since.
        frames: Frames that have counts, some of them replaced since.
        counted: What was counted at those.
    """

    expected: Mapping[CountKey, IssuedForecast | None]
    frames: Sequence[CountedFrame]
    counted: frozenset[CountKey]

    def at_counted_frames(self) -> PendingCounts:
        """Only what there is to count at frames that were themselves counted, as they are now."""
        observed = {key for key in self.counted if key.forecast_id == OBSERVED}
        times = {key.valid_time for key in observed & self.expected.keys()}
        return PendingCounts(
            {key: issued for key, issued in self.expected.items() if key.valid_time in times},
            [frame for frame in self.frames if frame.valid_time in times],
            frozenset(key for key in self.counted if key.valid_time in times),
        )

    @property
    def missing(self) -> list[CountKey]:
        """What has no counts yet."""
        return sorted(self.expected.keys() - self.counted)

    @property
    def valid(self) -> set[CountKey]:
        """What was counted at frames as they are, or at frames that were removed since."""
        times = {key.valid_time for key in self.expected}
        return {k for k in self.counted if k in self.expected or k.valid_time not in times}

    @property
    def standing(self) -> set[CountKey]:
        """What was counted of forecasts whose file is gone or reduced: nothing counts it again."""
        return {key for key in self.expected if self.stands(key)}

    def stands(self, key: CountKey) -> bool:
        """Whether it was counted of a forecast whose file is gone, or reduced since."""
        issued = self.expected.get(key)
        return issued is not None and not issued.countable

    @property
    def outdated(self) -> set[CountKey]:
        """What was counted at frames that were replaced since."""
        current = {(key.valid_time, key.forecast_id): key for key in self.expected}
        return {k for k in self.counted if current.get((k.valid_time, k.forecast_id), k) != k}


class Scorer:
    """Counts forecasts at frames, and writes and adds the counts."""

    def __init__(self, stores: StreamStores, sums: CountSums) -> None:
        self.examination = FrameExamination(stores)
        self._stores = stores
        self._sums = sums

    def pending(self, stream: str, span: TimeSpan) -> PendingCounts:
        """What is to be counted in a span of valid times."""
        frames = {
            header.time: header.sha256[:HASH_LENGTH]
            for header in self._stores.frames.headers(stream, span)
        }
        expected: dict[CountKey, IssuedForecast | None] = {
            CountKey(time, OBSERVED, sha): None for time, sha in frames.items()
        }
        counted = self._stores.counts.frames(stream, span)
        keys = frozenset(key for frame in counted for key in self._stores.counts.keys(frame))
        reach = TimeSpan(span.first - LONGEST_LEAD, span.last)
        removed = {}
        for issued in self._stores.forecasts.listing(stream, reach):
            if not issued.countable:
                removed[issued.id] = issued
                continue
            for time in issued.valid_times:
                if time in frames:
                    expected[CountKey(time, issued.id, frames[time])] = issued
        for key in _standing(keys, removed, frames):
            expected[key] = removed[key.forecast_id]
        return PendingCounts(expected, counted, keys)

    def score_span(self, stream: str, span: TimeSpan) -> int:
        """Count and add what is missing in a span of valid times; how much could be counted.

        Raises:
            UnknownStream: There is none, or it was deleted meanwhile.
        """
        declared = self._stores.streams.stream(stream)
        pending = self.pending(stream, span)
        if self._examine(declared, pending):
            pending = self.pending(stream, span)
        return self._score(declared, span, pending)

    def score_at_counted_frames(self, stream: str, span: TimeSpan) -> int:
        """Count and add what is missing at frames that were counted before; how much it was.

        A frame that no worker has counted yet may end this one: it is left to an attempt.

        Raises:
            UnknownStream: There is none, or it was deleted meanwhile.
        """
        declared = self._stores.streams.stream(stream)
        return self._score(declared, span, self.pending(stream, span).at_counted_frames())

    def _score(self, stream: Stream, span: TimeSpan, pending: PendingCounts) -> int:
        counted = 0
        for counts in self._count(stream, pending):
            self._add(stream, counts, pending)
            counted += len(counts)
        not_added = pending.valid - self._sums.added_pairs(stream.name, span)
        for counts in self.stored(pending, not_added):
            self._add(stream, counts, pending)
        self._drop_outdated(stream.name, span, pending)
        return counted

    def _examine(self, stream: Stream, pending: PendingCounts) -> bool:
        """Examine the frames that nothing was counted at; whether one of them is set aside."""
        counted = {key.valid_time for key in pending.counted}
        times = sorted({key.valid_time for key in pending.missing} - counted)
        for time in times:
            self.examination.examine(stream, time)
        return any(self._stores.frames.aside.get(stream.name, time) for time in times)

    def stored(
        self, pending: PendingCounts, keys: Collection[CountKey]
    ) -> Iterator[dict[CountKey, Counts]]:
        """Some of the counts in the archive, one frame after the other."""
        for frame in pending.frames:
            if chosen := self._stores.counts.keys(frame).intersection(keys):
                counts = self._stores.counts.counts(frame)
                yield {k: counts[k.forecast_id] for k in sorted(chosen) if k.forecast_id in counts}

    def _count(self, stream: Stream, pending: PendingCounts) -> Iterator[dict[CountKey, Counts]]:
        """Count what is missing and write it, one frame after the other."""
        for counts in self.count(stream.name, {k: pending.expected[k] for k in pending.missing}):
            if counts:
                self._stores.streams.current(stream)
                time, frame_sha = next((key.valid_time, key.frame_sha) for key in counts)
                by_forecast = {key.forecast_id: one for key, one in counts.items()}
                self._stores.counts.put(stream.name, time, frame_sha, by_forecast)
                yield counts

    def count(
        self, stream: str, expected: Mapping[CountKey, IssuedForecast | None]
    ) -> Iterator[dict[CountKey, Counts]]:
        """Count forecasts at frames, one frame after the other; nothing is written.

        Forecasts that are damaged, or not there any more, are left out.
        """
        for time, keys in groupby(sorted(expected), key=lambda key: key.valid_time):
            frame = self._stores.frames.get(stream, time)
            sha = frame.header.sha256[:HASH_LENGTH] if frame else None
            current = [key for key in keys if key.frame_sha == sha]
            if frame and current:  # else it was removed or replaced meanwhile, and comes again
                yield self._counts_at(stream, frame, {key: expected[key] for key in current})

    def _counts_at(
        self, stream: str, frame: StreamFrame, expected: Mapping[CountKey, IssuedForecast | None]
    ) -> dict[CountKey, Counts]:
        origin = self._stores.streams.origin(stream)
        pixel_km = origin.grid.pixel_size_km if origin else None
        counts = {
            key: _of_forecast(self._stores, issued, frame, pixel_km)
            if issued
            else self._of_frame(stream, frame, pixel_km or DEFAULT_PIXEL_KM)
            for key, issued in expected.items()
        }
        return {key: one for key, one in counts.items() if one is not None}

    def _of_frame(self, stream: str, frame: StreamFrame, pixel_km: float) -> Counts:
        """Counts of a frame itself."""
        counts = describe(frame.reflectivity_dbz)
        if is_first_of_hour(frame.header.time, self._stores.streams.stream(stream).step):
            counts = {**counts, **storms(frame.reflectivity_dbz, pixel_km)}
        return with_lead(counts, 0)

    def _add(
        self, stream: Stream, counts: Mapping[CountKey, Counts], pending: PendingCounts
    ) -> None:
        """Add counts to the sums, in place of those of frames that were replaced.

        A process that still has a replaced frame adds nothing.
        """
        self._stores.streams.current(stream)
        for key, one in counts.items():
            earlier: tuple[str, Counts] | None = None
            while pending.stands(key) or not self._is_replaced(stream.name, key):
                frame_sha = self._sums.add(stream.name, key, one, earlier)
                if frame_sha is None:
                    break
                before = self._stores.counts.get(stream.name, replace(key, frame_sha=frame_sha))
                earlier = (frame_sha, before or {}) if frame_sha else None

    def _is_replaced(self, stream: str, key: CountKey) -> bool:
        header = self._stores.frames.header(stream, key.valid_time)
        return header is not None and not header.sha256.startswith(key.frame_sha)

    def _drop_outdated(self, stream: str, span: TimeSpan, pending: PendingCounts) -> None:
        """Drop counts at replaced frames once those at the new frames are in the sums instead."""
        if not pending.outdated:
            return
        added = self._sums.added_pairs(stream, span) & pending.expected.keys()
        replaced = {(key.valid_time, key.forecast_id) for key in added}
        for frame in pending.frames:
            here = self._stores.counts.keys(frame)
            keys = here & pending.outdated
            if keys and all((key.valid_time, key.forecast_id) in replaced for key in keys):
                standing = {key.forecast_id for key in here if pending.stands(key)}
                self._stores.counts.drop(stream, frame, but=standing)


def _standing(
    counted: Collection[CountKey], removed: Collection[str], frames: Mapping[datetime, str]
) -> Iterator[CountKey]:
    """Of some forecasts one key for each frame they were counted at: the frame as it is, if any."""
    keys = [key for key in counted if key.forecast_id in removed and key.valid_time in frames]
    at = {(key.valid_time, key.forecast_id): key for key in sorted(keys)}
    at |= {(k.valid_time, k.forecast_id): k for k in keys if k.frame_sha == frames[k.valid_time]}
    yield from at.values()


def _of_forecast(
    stores: StreamStores, issued: IssuedForecast, frame: StreamFrame, pixel_km: float | None
) -> Counts | None:
    """Counts of a forecast at a frame; None where it is damaged, reduced, or gone."""
    if not issued.countable:
        return None
    time = frame.header.time
    reliability = STREAM_THRESHOLDS_DBZ if MODEL in issued.roles else ()
    try:
        lead = read_lead(stores.forecasts.local_file(issued), time, reliability)
    except NotInArchive:
        return None
    except InputError as error:
        log.error("Forecast %s can't be scored: %s", issued.id, error)
        return None
    if lead is None:
        log.error("Forecast %s has no lead at %s.", issued.id, time)
        return None
    minutes = lead_minutes(issued, time)
    beyond = issued.is_beyond_network(time)
    return count(lead, frame.reflectivity_dbz, issued.roles, minutes, pixel_km, beyond=beyond)


def lead_minutes(issued: IssuedForecast, valid_time: datetime) -> float:
    """Lead time of a forecast's frame."""
    return (valid_time - issued.forecast_reference_time).total_seconds() / 60
