"""Sums of old hours become sums of six; what they add up to stays, whoever wrote them and when."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from echocast.model.drift.blocks import BLOCK, block_begin
from echocast.model.verification.counts import Counts
from echocast.workers.streams.count_sums import (
    HOURS_DAYS,
    block_sums_key,
    hours,
    summed_key,
    sums_key,
)
from echocast.workers.streams.paths import CountKey, TimeSpan
from tests.workers.streams.stream_bench import START, Bench, stream_frame
from tests.workers.streams.test_retention import retention

NAME = "radar"
HOUR = timedelta(hours=1)
OLD = block_begin(START)
NEWEST = OLD + 3 * BLOCK + timedelta(days=HOURS_DAYS)
WHOLE = TimeSpan(OLD, OLD + 4 * BLOCK)


def counts(number: int) -> Counts:
    return {"0|pixels|missing": [number, 1], "5|model|30": [number, number + 1, 2, 10**9]}


def add(bench: Bench, hour: datetime, number: int, forecast: str = "a") -> None:
    assert bench.sums.add(NAME, CountKey(hour, forecast, "0"), counts(number)) is None


@pytest.fixture
def filled(bench: Bench) -> Bench:
    """A day of hours, of which the first 18 are old, but for 3 hours without any."""
    for hour in range(24):
        if hour not in (7, 8, 9):
            add(bench, OLD + hour * HOUR, 2**hour)
    return bench


def separate(bench: Bench) -> int:
    keys = [sums_key(NAME, hour) for hour in hours(WHOLE)]
    return int(bench.sums.engine.redis.exists(*keys))


def test_old_hours_become_six_and_what_they_add_up_to_stays(filled: Bench) -> None:
    names = ["5|model|30", "0|pixels|missing", "none"]
    before = filled.sums.over(NAME, WHOLE)
    by_hour = filled.sums.hourly(NAME, WHOLE)
    filled.sums.sum_old_hours(NAME, NEWEST)
    assert separate(filled) == 6
    assert filled.sums.over(NAME, WHOLE) == before == filled.sums.totals(NAME)
    assert filled.sums.vectors_over(NAME, WHOLE, names) == before
    summed = filled.sums.hourly(NAME, WHOLE)
    assert list(summed) == list(by_hour)
    for index in range(3):
        block = TimeSpan(OLD + index * BLOCK, OLD + (index + 1) * BLOCK - HOUR)
        inside = [by_hour[hour]["5|model|30"] for hour in hours(block) if by_hour[hour]]
        assert summed[block.first]["5|model|30"] == [sum(n) for n in zip(*inside, strict=True)]
        assert not any(summed[hour] for hour in list(hours(block))[1:])
    last = TimeSpan(OLD + 3 * BLOCK, WHOLE.last)
    assert {h: summed[h] for h in hours(last)} == {h: by_hour[h] for h in hours(last)}


def test_a_span_within_six_hours_that_were_added_up_is_all_of_them(filled: Bench) -> None:
    block = TimeSpan(OLD, OLD + BLOCK - HOUR)
    all_of_it = filled.sums.over(NAME, block)
    inside = TimeSpan(OLD + 3 * HOUR, OLD + 3 * HOUR)
    assert filled.sums.over(NAME, inside) != all_of_it
    filled.sums.sum_old_hours(NAME, NEWEST)
    assert filled.sums.over(NAME, inside) == all_of_it
    assert list(filled.sums.hourly(NAME, inside)) == list(hours(block))
    assert filled.sums.vectors_over(NAME, inside, list(all_of_it)) == all_of_it


def test_late_and_replaced_counts_of_six_hours_are_added_up_later(filled: Bench) -> None:
    filled.sums.sum_old_hours(NAME, NEWEST)
    add(filled, OLD + HOUR, 7, "late")
    replaced = CountKey(OLD, "a", "1")
    assert filled.sums.add(NAME, replaced, counts(5), ("0", counts(1))) is None
    before = filled.sums.over(NAME, WHOLE)
    assert before["5|model|30"][0] == sum(2**n for n in range(24) if n not in (7, 8, 9)) + 7 + 4
    assert separate(filled) == 8
    filled.sums.sum_old_hours(NAME, NEWEST)
    assert separate(filled) == 6
    assert filled.sums.over(NAME, WHOLE) == before


def test_hours_of_an_earlier_version_are_found_and_end_when_they_would_have(filled: Bench) -> None:
    redis = filled.sums.engine.redis
    assert redis.get(summed_key(NAME)) is None  # nothing but hours, as an earlier version left
    for hour in range(6):
        redis.expire(sums_key(NAME, OLD + hour * HOUR), 1000 * (hour + 1))
    filled.sums.sum_old_hours(NAME, NEWEST)
    assert 5000 < redis.ttl(block_sums_key(NAME, OLD)) <= 6000


def test_a_process_that_ends_between_two_blocks_is_followed_by_another(filled: Bench) -> None:
    before = filled.sums.over(NAME, WHOLE)
    filled.sums._first_of_hours(NAME)
    filled.sums._sum_block(NAME, OLD)
    assert separate(filled) == 15
    filled.sums.sum_old_hours(NAME, NEWEST)
    assert separate(filled) == 6
    assert filled.sums.over(NAME, WHOLE) == before


def test_retention_adds_up_by_the_newest_frame_and_not_by_the_clock(filled: Bench) -> None:
    frame = stream_frame(0, seed=1)
    filled.stores.frames.put(NAME, frame, replace=True)
    retention(filled).apply()
    assert separate(filled) == 21  # the newest frame is of the same day, if of another year
    slot = (NEWEST - START) // timedelta(minutes=5)
    filled.stores.frames.put(NAME, stream_frame(slot, seed=1), replace=True)
    retention(filled).apply()
    assert separate(filled) == 6


def test_hashes_of_vectors_are_compact(filled: Bench) -> None:
    long = {f"{lead}|reliability|30": [10**9 + lead] * 20 for lead in range(100)}
    key = CountKey(OLD, "long", "0")
    assert filled.sums.add(NAME, key, long) is None
    assert filled.sums.engine.redis.object("encoding", sums_key(NAME, OLD)) == "listpack"
