"""Scorer: counts every pair of an issued forecast and a frame at one of its valid times, once.

What is to do follows from the names of the files, so it may be done by anybody, in any order, at
any time and again. Counts are written first and added to the engine's sums second; what a killed
process left undone, the next one finds.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from echocast.model.errors import InputError
from echocast.model.formats.forecast_lead import read_lead
from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.verification.counts import MODEL, STREAM_THRESHOLDS_DBZ, Counts, with_lead
from echocast.model.verification.frame_counts import DEFAULT_PIXEL_KM, count
from echocast.model.verification.frame_statistics import OBSERVED, describe
from echocast.model.verification.storms import is_first_of_hour, storms
from echocast.workers.errors import NotInArchive
from echocast.workers.streams.count_sums import CountSums
from echocast.workers.streams.forecast_store import IssuedForecast
from echocast.workers.streams.paths import HASH_LENGTH, CountKey, TimeSpan
from echocast.workers.streams.stores import StreamStores

LONGEST_LEAD = timedelta(hours=24)
log = logging.getLogger("echocast.streams")


@dataclass(frozen=True)
class PendingCounts:
    """What a stream's files say there is to count in a span of valid times.

    Args:
        due: Every pair that exists, with its forecast; None for the frame itself.
        counted: Pairs that have counts, some of them of frames that were replaced.
    """

    due: Mapping[CountKey, IssuedForecast | None]
    counted: frozenset[CountKey]

    @property
    def missing(self) -> list[CountKey]:
        """Pairs without counts."""
        return sorted(self.due.keys() - self.counted)

    @property
    def remembered(self) -> set[CountKey]:
        """Counted pairs whose frame is not kept any more: they still count."""
        times = {pair.valid_time for pair in self.due}
        return {pair for pair in self.counted if pair.valid_time not in times}

    @property
    def outdated(self) -> list[CountKey]:
        """Counted pairs whose frame was replaced."""
        current = {(pair.valid_time, pair.forecast_id): pair for pair in self.due}
        return [
            pair
            for pair in sorted(self.counted)
            if current.get((pair.valid_time, pair.forecast_id), pair) != pair
        ]


class Scorer:
    """Counts what is to be counted.

    Args:
        stores: The files.
        sums: The sums in the engine.
    """

    def __init__(self, stores: StreamStores, sums: CountSums) -> None:
        self._stores = stores
        self._sums = sums

    def work(self, stream: str, span: TimeSpan) -> PendingCounts:
        """What is to be counted in a span of valid times, from names alone."""
        frames = {
            header.time: header.sha256[:HASH_LENGTH]
            for header in self._stores.frames.headers(stream, span)
        }
        due: dict[CountKey, IssuedForecast | None] = {
            CountKey(time, OBSERVED, sha): None for time, sha in frames.items()
        }
        reach = TimeSpan(span.first - LONGEST_LEAD, span.last)
        for issued in self._stores.forecasts.listing(stream, reach):
            for time in issued.valid_times:
                if time in frames:
                    due[CountKey(time, issued.id, frames[time])] = issued
        return PendingCounts(due, frozenset(self._stores.counts.pairs(stream, span)))

    def settle(self, stream: str, span: TimeSpan) -> int:
        """Count and add whatever is missing in a span; how many pairs were counted."""
        work = self.work(stream, span)
        for pair in self._count(stream, work):
            self._add(stream, pair)
        added = self._sums.added_pairs(stream, span)
        for pair in sorted((work.due.keys() & work.counted) - added):
            self._add(stream, pair)
        for pair in sorted(work.remembered - added):
            self._sums.add(stream, pair, self._stores.counts.get(stream, pair) or {})
        self._tidy(stream, span, work)
        return len(work.missing)

    def _tidy(self, stream: str, span: TimeSpan, work: PendingCounts) -> None:
        """Drop counts of replaced frames once those of the new frames stand in their place."""
        if work.outdated:
            added = {(p.valid_time, p.forecast_id): p for p in self._sums.added_pairs(stream, span)}
            for pair in work.outdated:
                if added.get((pair.valid_time, pair.forecast_id)) in work.due:
                    self._stores.counts.drop(stream, pair)

    def _count(self, stream: str, work: PendingCounts) -> Iterable[CountKey]:
        """Count the missing pairs, one frame after the other."""
        frame: StreamFrame | None = None
        for pair in work.missing:
            if frame is None or frame.header.time != pair.valid_time:
                frame = self._stores.frames.get(stream, pair.valid_time)
            if frame is None or not frame.header.sha256.startswith(pair.frame_sha):
                continue  # removed or replaced meanwhile: its own arrival is seen to
            counts = self.counts_of(stream, work.due[pair], frame)
            if counts is not None:
                self._stores.counts.put(stream, pair, counts)
                yield pair

    def counts_of(
        self, stream: str, issued: IssuedForecast | None, frame: StreamFrame
    ) -> Counts | None:
        """Counts of a forecast and a frame, or of the frame itself, with the lead in their names.

        None where the forecast is not kept any more, or is damaged.
        """
        origin = self._stores.streams.origin(stream)
        pixel_km = origin.grid.pixel_size_km if origin else None
        if issued is None:
            return with_lead(self._seen(stream, frame, pixel_km or DEFAULT_PIXEL_KM), 0)
        try:
            path = self._stores.forecasts.local_file(issued)
        except NotInArchive:
            return None
        try:
            wanted = (
                STREAM_THRESHOLDS_DBZ if MODEL in issued.roles else ()
            )  # others have no reliability
            lead = read_lead(path, frame.header.time, wanted)
        except InputError as error:
            log.error("Forecast %s can't be scored: %s", issued.id, error)
            return None
        if lead is None:
            log.error("Forecast %s has no lead at %s.", issued.id, frame.header.time)
            return None
        minutes = lead_minutes(issued, frame.header.time)
        return count(lead, frame.reflectivity_dbz, issued.roles, minutes, pixel_km)

    def _seen(self, stream: str, frame: StreamFrame, pixel_km: float) -> Counts:
        """Counts of a frame itself."""
        found = describe(frame.reflectivity_dbz)
        if is_first_of_hour(frame.header.time, self._stores.streams.stream(stream).step):
            return {**found, **storms(frame.reflectivity_dbz, pixel_km)}
        return found

    def _add(self, stream: str, pair: CountKey) -> None:
        """Add the counts of a pair to the sums, taking those of a replaced frame back."""
        counts = self._stores.counts.get(stream, pair)
        header = self._stores.frames.header(stream, pair.valid_time)
        if counts is None or header is None or not header.sha256.startswith(pair.frame_sha):
            return
        before: tuple[str, Counts] | None = None
        while (known := self._sums.add(stream, pair, counts, before)) is not None:
            earlier = CountKey(pair.valid_time, pair.forecast_id, known)
            before = (known, self._stores.counts.get(stream, earlier) or {}) if known else None


def lead_minutes(issued: IssuedForecast, valid_time: datetime) -> float:
    """Lead time of a forecast's frame."""
    return (valid_time - issued.forecast_reference_time).total_seconds() / 60
