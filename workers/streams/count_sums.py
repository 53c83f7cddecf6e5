"""CountSums: the sums of all counts of a stream, in the engine for quick answers.

The counts in the archive are the truth; ``echocast reindex`` makes the sums again. The counts of a
forecast at a valid time are added once; when the frame was replaced, the old counts are subtracted
from the sums of their hour. The totals, which Prometheus reads, never decrease: a replaced count
raises the number of corrections instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from echocast.model.drift.blocks import block_begin
from echocast.model.verification.counts import Counts, added
from echocast.workers.engine.client import EngineClient
from echocast.workers.engine.scripts import load_scripts
from echocast.workers.streams.paths import CountKey, TimeSpan, stamp, time_of

CORRECTIONS, CHANGES = "corrections", "changes"
PAIRS_DAYS = 40  # how long it is remembered which pairs were added
SUMS_DAYS = 400


class CountSums:
    """Sums of counts in the engine; safe to share among threads.

    Args:
        engine: The connection.
    """

    def __init__(self, engine: EngineClient) -> None:
        self.engine = self._engine = engine
        self._add = engine.script(load_scripts(__package__)["add_counts"])
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
        """The sum over the whole hours that a span touches."""
        return added(self.hourly(stream, span).values())

    def hourly(self, stream: str, span: TimeSpan) -> dict[datetime, dict[str, list[int]]]:
        """The sums of each whole hour that a span touches, by its beginning."""
        touched = list(hours(span))
        sums = self._hashes([sums_key(stream, hour) for hour in touched])
        return {hour: _vectors(values) for hour, values in zip(touched, sums, strict=True)}

    def vectors_over(
        self, stream: str, span: TimeSpan, names: Sequence[str]
    ) -> dict[str, list[int]]:
        """The sums of some vectors over the whole hours that a span touches, where there are any.

        The engine adds: a month has seven hundred hours.
        """
        keys = [sums_key(stream, hour) for hour in hours(span)]
        answers: list[str] = self._sum(len(keys), *keys, *names)
        return _vectors({name: text for name, text in zip(names, answers, strict=True) if text})

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
            pipeline = self._engine.redis.pipeline(transaction=False)
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


def pairs_key(stream: str, time: datetime) -> str:
    """Key of the pairs of a day that were added: hash of pair -> frame."""
    return f"echocast:stream:{stream}:pairs:{time.astimezone(UTC):%Y%m%d}"


def sums_key(stream: str, time: datetime) -> str:
    """Key of the sums of an hour: hash of name -> numbers."""
    return f"echocast:stream:{stream}:sums:{time.astimezone(UTC):%Y%m%d%H}"


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
