"""CountSums: the sums of all counts of a stream, in the engine for quick answers.

The counts in the archive are the truth; ``echocast reindex`` makes the sums again. The counts of a
forecast at a valid time are added once; when the frame was replaced, the old counts are subtracted
from the sums of their hour. The totals, which Prometheus reads, never decrease: a replaced count
raises the number of corrections instead.

What is more than a week older than the newest frame has sums of six hours in place of sums of one:
a stream's 400 days take a sixth of the memory. Late counts of those times begin an hour again, and
are added to its six hours by and by.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from echocast.model.drift.blocks import BLOCK, block_begin
from echocast.model.formats.stream_layout import stamp, time_of
from echocast.model.verification.counts import Counts, added
from echocast.workers.engine.client import EngineClient
from echocast.workers.engine.scripts import load_scripts
from echocast.workers.streams.paths import CountKey, TimeSpan

CORRECTIONS, CHANGES = "corrections", "changes"
PAIRS_DAYS = 40  # how long it is remembered which pairs were added
HOURS_DAYS = 7  # from the newest frame on; older ones have sums of six hours
SUMS_DAYS = 400
HOUR = "%Y%m%d%H"  # in names of keys


class CountSums:
    """Sums of counts in the engine; safe to share among threads."""

    def __init__(self, engine: EngineClient) -> None:
        self.engine = self._engine = engine
        self._add = engine.script(load_scripts(__package__)["add_counts"])
        self._sum_hours = engine.script(load_scripts(__package__)["sum_hours"])
        self._sum = engine.reading_script(load_scripts(__package__)["sum_counts"])

    def add(
        self, stream: str, pair: CountKey, counts: Counts, before: tuple[str, Counts] | None = None
    ) -> str | None:
        """Add the counts of a pair once.

        Args:
            stream: Whose.
            pair: Which.
            counts: Its counts.
            before: Frame and counts that were added for it before, to be subtracted.

        Returns:
            None; or the frame whose counts were added before, where it is not that of ``before``.
        """
        earlier, subtracted = before or ("", {})
        answer: str = self._add(
            pairs_key(stream, pair.valid_time),
            sums_key(stream, pair.valid_time),
            totals_key(stream),
            f"{stamp(pair.valid_time)}_{pair.forecast_id}",
            earlier,
            pair.frame_sha,
            json.dumps(subtracted),
            json.dumps(counts),
            PAIRS_DAYS * 86400,
            SUMS_DAYS * 86400,
            changes_key(stream),
            stamp(block_begin(pair.valid_time)),
            summed_key(stream),
        )
        return answer.removeprefix("known ") if answer.startswith("known ") else None

    def added_pairs(self, stream: str, span: TimeSpan) -> set[CountKey]:
        """The pairs of a span that were added."""
        keys: set[CountKey] = set()
        for day in span.days():
            values = self._hash(pairs_key(stream, day))
            keys |= {
                CountKey(time_of(name), name.partition("_")[2], frame)
                for name, frame in values.items()
            }
        return {key for key in keys if key.valid_time in span}

    def over(self, stream: str, span: TimeSpan) -> dict[str, list[int]]:
        """The sum over the whole hours that a span touches, as in :meth:`hourly`."""
        return added(self.hourly(stream, span).values())

    def hourly(self, stream: str, span: TimeSpan) -> dict[datetime, dict[str, list[int]]]:
        """The sums of each whole hour that a span touches, by its beginning, in order.

        Where the hours of a block of six were added up, its sums are those of its first hour, the
        other five have none, and all six are there if the span touches one.
        """
        touched, blocks = list(hours(span)), blocks_of(span)
        keys = [sums_key(stream, hour) for hour in touched]
        values = self._hashes([*keys, *(block_sums_key(stream, block) for block in blocks)])
        vectors = [_vectors(one) for one in values]
        sums = dict(zip(touched, vectors, strict=False))
        for block, summed in zip(blocks, vectors[len(touched) :], strict=True):
            if summed:
                sums = {hour: {} for hour in hours(_span_of(block))} | sums
                sums[block] = added([sums[block], summed])
        return dict(sorted(sums.items()))

    def vectors_over(
        self, stream: str, span: TimeSpan, names: Sequence[str]
    ) -> dict[str, list[int]]:
        """The sums of some vectors, where there are any, over the same hours as :meth:`over`.

        The engine adds: a month has seven hundred hours.
        """
        keys = [sums_key(stream, hour) for hour in hours(span)]
        keys += [block_sums_key(stream, block) for block in blocks_of(span)]
        answers: list[str] = self._sum(len(keys), *keys, *names)
        return _vectors({name: text for name, text in zip(names, answers, strict=True) if text})

    def sum_old_hours(self, stream: str, newest: datetime) -> None:
        """Add the hours of each old block of six to its sums, which then stand for them.

        A block is old a week before the newest frame; what earlier versions left is found, too.
        """
        end = block_begin(newest - timedelta(days=HOURS_DAYS))
        block = self._first_of_hours(stream)
        while block and block < end:
            block = self._sum_block(stream, block)

    def _sum_block(self, stream: str, block: datetime) -> datetime:
        """Add up the hours of a block; the next one with hours that may be separate."""
        keys = block_sums_key(stream, block), summed_key(stream)
        separate = [sums_key(stream, hour) for hour in hours(_span_of(block))]
        marked: str = self._sum_hours(*keys, stamp(block), stamp(block + BLOCK), *separate)
        return time_of(marked)

    def _first_of_hours(self, stream: str) -> datetime | None:
        """The first block whose hours may be separate; looked for once, late counts move it."""
        redis, key = self._engine.redis, summed_key(stream)
        marked: str | None = self._engine.call(lambda: redis.get(key))
        if marked:
            return time_of(marked)
        pattern = f"echocast:stream:{stream}:sums:*"
        names = self._engine.call(lambda: list(redis.scan_iter(pattern, count=1000)))
        if not names:
            return None
        hour = datetime.strptime(min(names).rpartition(":")[2], HOUR).replace(tzinfo=UTC)
        self._engine.call(lambda: redis.set(key, stamp(block_begin(hour)), nx=True))
        return block_begin(hour)

    def changes(self, stream: str) -> dict[str, str]:
        """Blocks of six hours whose sums have changed, each with the number of its last change."""
        values = self._hash(changes_key(stream))
        return {block: number for block, number in values.items() if block != CHANGES}

    def totals(self, stream: str) -> dict[str, list[int]]:
        """What was ever added, corrections left out."""
        values = self._hash(totals_key(stream))
        return _vectors({k: v for k, v in values.items() if k != CORRECTIONS})

    def corrections(self, stream: str) -> int:
        """How often counts were replaced."""
        name = totals_key(stream)
        return int(self._engine.call(lambda: self._engine.redis.hget(name, CORRECTIONS)) or 0)

    def note_speed(self, stream: str, speed_m_s: float | None) -> None:
        """Remember how fast the rain moves, for the gauges."""
        value = "" if speed_m_s is None else f"{speed_m_s:.3f}"
        self._engine.call(lambda: self._engine.redis.set(speed_key(stream), value))

    def speed(self, stream: str) -> float | None:
        """The speed in m/s that was noted last; None without one."""
        value = self._engine.call(lambda: self._engine.redis.get(speed_key(stream)))
        return float(value) if value else None

    def forget(self, stream: str) -> None:
        """Forget all sums of a stream."""
        self._delete(self._keys(stream) - {speed_key(stream)})

    def remove(self, stream: str) -> None:
        """Remove all that the engine has of a stream, but its jobs."""
        self._delete(self._keys(stream))

    def _keys(self, stream: str) -> set[str]:
        redis = self._engine.redis
        return self._engine.call(lambda: set(redis.scan_iter(f"echocast:stream:{stream}:*")))

    def _delete(self, keys: set[str]) -> None:
        redis = self._engine.redis
        for key in keys:
            self._engine.call(lambda key=key: redis.delete(key))  # type: ignore[misc]

    def _hash(self, key: str) -> dict[str, str]:
        values: dict[str, str] = self._engine.call(lambda: self._engine.redis.hgetall(key))
        return values

    def _hashes(self, keys: list[str]) -> list[dict[str, str]]:
        def ask() -> list[dict[str, str]]:
            pipeline = self._engine.redis.pipeline()  # in one step: hours become six hours
            for key in keys:
                pipeline.hgetall(key)
            answers: list[dict[str, str]] = pipeline.execute()
            return answers

        return self._engine.call(ask)


def hours(span: TimeSpan) -> Iterator[datetime]:
    """The beginnings of the whole hours that a span touches."""
    hour = span.first.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour <= span.last:
        yield hour
        hour += timedelta(hours=1)


def blocks_of(span: TimeSpan) -> list[datetime]:
    """The beginnings of the blocks of six hours that a span touches, in order."""
    return sorted({block_begin(hour) for hour in hours(span)})


def _span_of(block: datetime) -> TimeSpan:
    return TimeSpan(block, block + BLOCK - timedelta(seconds=1))


def pairs_key(stream: str, time: datetime) -> str:
    """Key of the pairs of a day that were added: hash of pair -> frame."""
    return f"echocast:stream:{stream}:pairs:{time.astimezone(UTC):%Y%m%d}"


def sums_key(stream: str, time: datetime) -> str:
    """Key of the sums of an hour: hash of name -> numbers."""
    return f"echocast:stream:{stream}:sums:{time.astimezone(UTC):{HOUR}}"


def block_sums_key(stream: str, block: datetime) -> str:
    """Key of the sums of six hours, in place of those of hours: hash of name -> numbers."""
    return f"echocast:stream:{stream}:six-hours:{block.astimezone(UTC):{HOUR}}"


def summed_key(stream: str) -> str:
    """Key of the first block whose hours may be separate; none before the first look."""
    return f"echocast:stream:{stream}:summed"


def totals_key(stream: str) -> str:
    """Key of the totals: hash of name -> numbers."""
    return f"echocast:stream:{stream}:totals"


def changes_key(stream: str) -> str:
    """Key of the blocks that changed since they were charted: hash of block -> number."""
    return f"echocast:stream:{stream}:changes"


def speed_key(stream: str) -> str:
    """Key of the mean speed of the rain in m/s."""
    return f"echocast:stream:{stream}:speed"


def _vectors(values: Mapping[str, Any]) -> dict[str, list[int]]:
    return {name: [int(n) for n in numbers.split()] for name, numbers in values.items()}
