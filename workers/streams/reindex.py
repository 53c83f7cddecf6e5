"""Reindex: make the engine's sums again from the counts in the archive, and check those.

A recount reads every forecast and every frame again and uses no stored counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from echocast.model.verification.counts import Counts, added
from echocast.workers.settings import WorkerSettings
from echocast.workers.streams.count_sums import CountSums
from echocast.workers.streams.paths import CountKey, TimeSpan
from echocast.workers.streams.processing import StreamProcessing
from echocast.workers.streams.scoring import Scorer
from echocast.workers.streams.stores import StreamStores

DAY = timedelta(days=1)
Totals = dict[str, list[int]]


@dataclass(frozen=True)
class Reindexed:
    """What a reindex counted in a stream.

    Args:
        frames: Frames in the archive.
        forecasts: Issued forecasts.
        pairs: Pairs of forecast and frame with counts.
        counted: Pairs that had no counts and were counted now.
        differing: Pairs whose stored counts a recount did not reproduce; None: not recounted.
        damaged: Objects that held no counts any more; what their forecasts and frames still show
            was counted again.
    """

    frames: int
    forecasts: int
    pairs: int
    counted: int
    differing: int | None = None
    damaged: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.frames} frames, {self.forecasts} forecasts, {self.pairs} pairs"
        text += f", {self.counted} of them counted now" if self.counted else ""
        if self.damaged:
            text += "; damaged, left out and counted again where forecast and frame are there: "
            text += ", ".join(self.damaged)
        return text if self.differing is None else f"{text}; {self.differing} differ from a recount"


def reindex(stores: StreamStores, scorer: Scorer, sums: CountSums, stream: str) -> Reindexed:
    """Forget a stream's sums and make them again from its files, one day after the other.

    Counts that earlier versions wrote are rewritten: one object a frame.
    """
    sums.forget(stream)
    frames = forecasts = pairs = counted = 0
    for span in whole_days(stores, stream):
        stores.counts.merge(stream, span)
        counted += scorer.score_span(stream, span)
        frames += len(stores.frames.headers(stream, span))
        forecasts += len(stores.forecasts.listing(stream, span))
        pairs += len(scorer.pending(stream, span).counted)
    damaged = (path for path in stores.counts.damaged if path.split("/")[1] == stream)
    return Reindexed(frames, forecasts, pairs, counted, damaged=tuple(sorted(damaged)))


def stored(stores: StreamStores, scorer: Scorer, stream: str) -> Totals:
    """The sum of the counts in the archive."""
    days = (scorer.pending(stream, span) for span in whole_days(stores, stream))
    frames = (counts for day in days for counts in scorer.stored(day, day.valid))
    return added(one for counts in frames for one in counts.values())


def recounted(stores: StreamStores, scorer: Scorer, stream: str) -> Totals:
    """The sum of counts made anew from every forecast and every frame."""
    return added(counts for _, counts in recount(stores, scorer, stream))


def recount(stores: StreamStores, scorer: Scorer, stream: str) -> Iterator[tuple[CountKey, Counts]]:
    """Every forecast at every frame that is there, with counts made anew.

    Where a forecast's file was removed on purpose, its stored counts are what there is.
    """
    for span in whole_days(stores, stream):
        pending = scorer.pending(stream, span)
        for counts in scorer.count(stream, pending.expected):
            yield from counts.items()
        for counts in scorer.stored(pending, pending.standing):
            yield from counts.items()


def differing(stores: StreamStores, scorer: Scorer, stream: str) -> int:
    """How many of the stored counts are not what a recount gives."""
    return sum(
        stores.counts.get(stream, key) != counts for key, counts in recount(stores, scorer, stream)
    )


def whole_days(stores: StreamStores, stream: str) -> Iterator[TimeSpan]:
    """Every day that has frames, or counts of frames that were removed."""
    oldest, newest = stores.frames.oldest_time(stream), stores.frames.newest_time(stream)
    days = set(stores.counts.days(stream))
    if oldest and newest:
        days |= set(TimeSpan(oldest, newest).days())
    for day in sorted(days):
        yield TimeSpan(day, day + DAY - timedelta(seconds=1))


def reindex_all(settings: WorkerSettings, *, recount: bool = False) -> dict[str, Reindexed]:
    """Reindex every stream; with ``recount``, compare what is stored with what a recount gives.

    Raises:
        EngineUnavailable: No engine answers.
    """
    processing = StreamProcessing.from_settings(settings, settings.engine_patience_seconds)
    reindexed = {}
    try:
        for name in processing.stores.streams.names():
            result = reindex(processing.stores, processing.scorer, processing.sums, name)
            processing.drift.update(name)
            wrong = differing(processing.stores, processing.scorer, name) if recount else None
            reindexed[name] = replace(result, differing=wrong)
    finally:
        processing.close()
    return reindexed
