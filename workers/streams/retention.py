"""Retention of streams: files that nothing needs any more go, before a disk is full.

1. Once every frame that can verify a forecast has been counted, its file is reduced to what the
   stream stores; those that are made for comparison only lose theirs. Their counts are what stays.
2. Days of frames, forecasts and counts go when they are too old.
3. Where frames and forecasts of a stream take more than they may, files of forecasts go, the oldest
   first; then frames, as trainings need those longer. The newest stay: the inputs of the next
   forecast, and forecasts that wait for their frames.
4. Where the disk is nearly full all the same, the largest stream gives what is missing.
5. In the engine old sums of hours become sums of six hours.

Every step follows from the files alone, so a process may end at any point.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from echocast.model.errors import EchocastError
from echocast.model.formats.forecast_reduction import reduce_forecast
from echocast.model.formats.stream_layout import time_of
from echocast.model.verification.counts import MODEL
from echocast.workers.archive.files import Entry
from echocast.workers.errors import NotInArchive
from echocast.workers.streams.count_sums import CountSums
from echocast.workers.streams.disk_use import limit_bytes, stored_bytes
from echocast.workers.streams.forecast_store import IssuedForecast
from echocast.workers.streams.paths import TimeSpan, day_folders, day_of, midnight
from echocast.workers.streams.scoring import LONGEST_LEAD, Scorer
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Stream

SCORED_FOR = timedelta(days=2)  # how far back from the newest frame undone work is looked for
NEWEST_STEPS = 24  # files of so many steps stay in any case
log = logging.getLogger("echocast.streams")


@dataclass(frozen=True)
class Retention:
    """Removes what is too old or too much; one process at a time.

    Args:
        stores: The files.
        scorer: Knows what was counted.
        sums: Of counts, in the engine.
        default_gb: GB of frames and forecasts of a stream that declares no limit; None: a share of
            the disk.
        cleared: Streams as they were declared, and the first day of which files of forecasts may
            still have to go or become smaller, by name: no earlier one is looked at again.
    """

    stores: StreamStores
    scorer: Scorer
    sums: CountSums
    default_gb: float | None
    cleared: dict[str, tuple[Stream, datetime]] = field(default_factory=dict)

    def apply(self) -> None:
        """Do all steps for all streams; a stream that can't be read keeps no other from it."""
        sizes: dict[str, int] = {}
        for name in self.stores.streams.names():
            try:
                sizes[name] = self._of_stream(name)
                self._sum_old_hours(name)
            except EchocastError as error:
                log.error("Nothing more of the stream %s can be removed: %s", name, error)
        spare = self.stores.files.spare_bytes() or 0
        if spare < 0 and sizes:
            largest = max(sizes, key=lambda name: sizes[name])
            self._remove(self.stores.streams.stream(largest), -spare)

    def _sum_old_hours(self, name: str) -> None:
        if newest := self.stores.frames.newest_time(name):
            self.sums.sum_old_hours(name, newest)

    def _of_stream(self, name: str) -> int:
        """Bytes of a stream's frames and forecasts that stay."""
        newest = self.stores.frames.newest_time(name)
        if newest is None:
            return 0
        stream = self.stores.streams.stream(name)
        self.clear_scored(stream, newest)
        self.stores.remove_old(stream, newest)
        size = stored_bytes(self.stores.files, name)
        return size - self._remove(stream, size - limit_bytes(self.stores, stream, self.default_gb))

    def clear_scored(self, stream: Stream, newest: datetime) -> int:
        """Remove or reduce the files of forecasts that no frame will verify any more; how many.

        The newest forecast that is served stays as it is.
        """
        forecasts, latest = self.stores.forecasts, self.stores.forecasts.latest(stream.name)
        is_done, cleared = self._is_done(stream.name, newest), 0
        folders = self._uncleared(stream)
        for issued in self._with_files(folders):
            if not issued.served and is_done(issued):
                forecasts.remove_file(issued)
                cleared += 1
            elif issued != latest and self._can_be_reduced(issued, stream) and is_done(issued):
                with suppress(NotInArchive):
                    forecasts.reduce_file(issued, stream.storage, reduce_forecast)
                    cleared += 1
        for folder in folders:
            forecasts.remove_leftovers(folder)
        self.cleared[stream.name] = stream, _first_open_day(newest, latest)
        return cleared

    def _uncleared(self, stream: Stream) -> list[str]:
        """Days whose forecasts may have to go; all, where the stream was declared anew."""
        folders = day_folders(self.stores.files, f"forecasts/{stream.name}")
        declared, first = self.cleared.get(stream.name, (None, None))
        return [
            one for one in folders if declared != stream or first is None or day_of(one) >= first
        ]

    def _is_done(self, name: str, newest: datetime) -> Callable[[IssuedForecast], bool]:
        """Whether all frames that can verify a forecast were counted, or will never come."""
        pending = self.scorer.pending(name, TimeSpan(newest - SCORED_FOR, newest))
        current = pending.counted & pending.expected.keys()
        counted = {(key.valid_time, key.forecast_id) for key in current}
        waits = {key.forecast_id for key in pending.outdated}

        def is_done(issued: IssuedForecast) -> bool:
            pairs = {(time, issued.id) for time in issued.valid_times}
            is_counted = pairs <= counted and issued.id not in waits
            return is_counted or issued.valid_times[-1] < newest - SCORED_FOR

        return is_done

    @staticmethod
    def _can_be_reduced(issued: IssuedForecast, stream: Stream) -> bool:
        """Whether its file may hold what the stream does not store."""
        storage, reference = stream.storage, issued.forecast_reference_time
        longest = (issued.valid_times[-1] - reference).total_seconds() / 60
        scored = MODEL in issued.roles and "probabilities" not in storage.products
        is_more = scored or not storage.stores(longest)
        return issued.served and is_more and issued.reduced_to != storage

    def _with_files(self, folders: Sequence[str]) -> Iterator[IssuedForecast]:
        for folder in folders:
            yield from (issued for issued in self.stores.forecasts.on_day(folder) if issued.path)

    def _remove(self, stream: Stream, excess: int) -> int:
        """Remove at least so many bytes, if there are so many that may go; how many went."""
        newest = self.stores.frames.newest_time(stream.name)
        if excess <= 0 or newest is None:
            return 0
        before = newest - NEWEST_STEPS * stream.step - stream.longest_gap
        gone = 0
        for size in chain(
            self._remove_forecasts(stream.name, before), self._remove_frames(stream.name, before)
        ):
            gone += size
            if gone >= excess:
                break
        if gone:
            megabytes = gone // 10**6
            log.info("Removed %d MB of the stream %s, the oldest first.", megabytes, stream.name)
        return gone

    def _remove_forecasts(self, name: str, before: datetime) -> Iterator[int]:
        """Remove files of forecasts one by one, also those that no forecast has; their sizes."""
        forecasts, files = self.stores.forecasts, self.stores.files
        for folder in day_folders(files, f"forecasts/{name}"):
            entries = list(_before(files.listing(folder), before, ".nc"))
            issued = {one.path: one for one in forecasts.on_day(folder)} if entries else {}
            for entry in entries:
                if entry.path in issued:
                    forecasts.remove_file(issued[entry.path])
                else:
                    files.delete(entry.path)
                yield entry.size

    def _remove_frames(self, name: str, before: datetime) -> Iterator[int]:
        """Remove frames one by one; their sizes."""
        files = self.stores.files
        for folder in day_folders(files, f"frames/{name}"):
            for entry in _before(files.listing(folder), before):
                files.delete(entry.path)
                yield entry.size
            files.remove_folder(folder)


def _first_open_day(newest: datetime, latest: IssuedForecast | None) -> datetime:
    """The first day with forecasts that are verified still, or with the newest served one."""
    verified = newest - SCORED_FOR - LONGEST_LEAD
    return midnight(min(verified, latest.forecast_reference_time) if latest else verified)


def _before(entries: Sequence[Entry], time: datetime, suffix: str = "") -> Iterator[Entry]:
    """Files that are older than a time, oldest first."""
    for entry in entries:
        if entry.name.endswith(suffix) and time_of(entry.name) < time:
            yield entry
