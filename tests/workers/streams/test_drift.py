"""The live state of drift is that of all blocks in time order, whatever came when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from echocast.model.drift.blocks import BLOCK, Block
from echocast.model.drift.detector import SKILL_DRIFT, Drift
from echocast.model.formats.stream_layout import stamp
from echocast.workers.engine.client import EngineClient
from echocast.workers.streams import drift
from echocast.workers.streams.drift import DriftWatch, blocks_key, drift_state, states_key
from echocast.workers.streams.paths import CountKey
from echocast.workers.streams.reindex import reindex
from tests.model.drift.drift_blocks import blocks, run_detector
from tests.workers.streams.stream_bench import GRID, SIDE, START, STEP, Bench, stream_frame

NAME = "radar"
FIRST = datetime(2026, 7, 1, tzinfo=UTC)
A_BLOCK = BLOCK // STEP
PIXELS = SIDE * SIDE


@pytest.fixture
def messages() -> list[str]:
    return []


@pytest.fixture
def watch(bench: Bench, engine: EngineClient, messages: list[str]) -> DriftWatch:
    return DriftWatch(bench.stores, bench.sums, engine, messages.append)


def count(bench: Bench, block: Block, number: int = 0) -> None:
    """Add a block's counts to the sums, as of one frame with so many received."""
    counts = {f"0|{name}": vector for name, vector in block.counts.items()}
    counts["0|pixels|missing"] = [block.received * PIXELS, 0]
    pair = CountKey(block.begin + timedelta(hours=1), f"forecast{number}", "0")
    assert bench.sums.add(NAME, pair, counts) is None


def arrive(bench: Bench, time: datetime) -> None:
    """Have a frame of that time in the archive, without counting it."""
    slot = (time - START) // STEP
    bench.stores.frames.put(NAME, stream_frame(slot, 1), replace=True)


def as_counted(given: list[Block]) -> list[Block]:
    """What the sums make of blocks: the first one has no rhythm yet, rates are in whole frames."""
    shown = [
        replace(b, counts={**b.counts, "pixels|missing": [b.received * PIXELS, 0]}) for b in given
    ]
    return [replace(shown[0], expected=0), *shown[1:]]


def test_a_block_is_charted_when_a_frame_after_its_end_has_come(
    bench: Bench, watch: DriftWatch, engine: EngineClient
) -> None:
    block = next(blocks(1, 1, dry=0.0))
    count(bench, block)
    arrive(bench, block.begin + BLOCK - STEP)
    assert not watch.update(NAME)
    assert drift_state(engine, NAME) == Drift()
    arrive(bench, block.begin + BLOCK)
    assert watch.update(NAME)
    assert drift_state(engine, NAME).upto == block.begin
    assert not watch.update(NAME)


@pytest.mark.parametrize("order", [range(12), [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6]])
def test_late_counts_change_nothing_but_when_they_are_known(
    bench: Bench, watch: DriftWatch, engine: EngineClient, order: range | list[int]
) -> None:
    given = list(blocks(2, 12, dry=0.1))
    arrive(bench, given[-1].begin + BLOCK)
    for index in order:
        count(bench, given[index])
        DriftWatch(bench.stores, bench.sums, engine).update(NAME)  # a worker that just started
    assert drift_state(engine, NAME) == run_detector(as_counted(given))


def test_replaced_counts_are_charted_anew(
    bench: Bench, watch: DriftWatch, engine: EngineClient
) -> None:
    given = list(blocks(3, 8, dry=0.0))
    arrive(bench, given[-1].begin + BLOCK)
    for block in given:
        count(bench, block)
    watch.update(NAME)
    other = replace(given[2], counts=next(blocks(9, 1, dry=0.0)).counts)
    pair = CountKey(other.begin + timedelta(hours=1), "forecast0", "1")
    before, after = (
        {f"0|{n}": v for n, v in {**b.counts, "pixels|missing": [72 * PIXELS, 0]}.items()}
        for b in (given[2], other)
    )
    bench.sums.add(NAME, pair, after, ("0", before))
    assert watch.update(NAME)
    assert drift_state(engine, NAME) == run_detector(as_counted([*given[:2], other, *given[3:]]))


def test_blocks_in_which_nothing_came_count_as_gaps(
    bench: Bench, watch: DriftWatch, engine: EngineClient
) -> None:
    given = list(blocks(4, 6, dry=0.0))
    arrive(bench, given[-1].begin + BLOCK)
    for block in (given[0], given[5]):
        count(bench, block)
    watch.update(NAME)
    gaps = [Block(b.begin, b.expected, 0, {}) for b in given[1:5]]
    shown = as_counted([given[0], given[5]])
    assert drift_state(engine, NAME) == run_detector([shown[0], *gaps, shown[1]])


def test_no_frame_is_expected_while_a_stream_is_paused(
    bench: Bench, watch: DriftWatch, engine: EngineClient
) -> None:
    given = list(blocks(4, 6, dry=0.0))
    streams, begin = bench.stores.streams, given[1].begin
    streams.pause(NAME, paused=True, now=begin + 2 * STEP)
    streams.pause(NAME, paused=True, now=begin + 3 * STEP)  # again: nothing new
    streams.pause(NAME, paused=False, now=given[4].begin + BLOCK)
    arrive(bench, given[-1].begin + BLOCK)
    for block in (given[0], given[5]):
        count(bench, block)
    watch.update(NAME)
    paused = [Block(b.begin, 0, 0, {}) for b in given[2:5]]
    partly = Block(begin, 2, 0, {})
    shown = as_counted([given[0], given[5]])
    assert drift_state(engine, NAME) == run_detector([shown[0], partly, *paused, shown[1]])
    streams.pause(NAME, paused=True, now=given[5].begin)
    assert streams.paused_time(NAME, given[5].begin, given[5].begin + BLOCK) == BLOCK  # still


def test_the_charts_of_a_model_begin_anew_with_another_one(
    bench: Bench, engine: EngineClient
) -> None:
    given = list(blocks(4, 6, dry=0.0))
    changed = given[2].begin + timedelta(hours=5)
    asked = []

    def model_changes(after: datetime) -> list[datetime]:
        assert after < changed
        asked.append(changed)
        return [changed]

    arrive(bench, given[-1].begin + BLOCK)
    for block in given:
        count(bench, block)
    watch = DriftWatch(bench.stores, bench.sums, engine, model_changes=model_changes)
    watch.update(NAME)
    expected = Drift()
    for number, block in enumerate(as_counted(given)):
        expected = expected.update(block)
        if number in (2, 3):  # forecasts of before are scored in the block after, too
            expected = expected.of_another_model()
    assert drift_state(engine, NAME) == expected
    assert asked == [changed]  # once, however many blocks are charted


def test_few_states_are_kept_and_older_changes_are_charted_all_the_same(
    bench: Bench, watch: DriftWatch, engine: EngineClient
) -> None:
    given = list(blocks(5, 50, dry=0.5))
    arrive(bench, given[-1].begin + BLOCK)
    for block in given[1:]:
        count(bench, block)
    watch.update(NAME)
    assert engine.redis.hlen(states_key(NAME)) == 40
    count(bench, given[0])
    watch.update(NAME)
    assert engine.redis.hlen(states_key(NAME)) == 40
    assert drift_state(engine, NAME) == run_detector(as_counted(given))


def test_blocks_older_than_the_sums_go_and_the_state_stays(
    bench: Bench, watch: DriftWatch, engine: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "SUMS_DAYS", 1)
    given = list(blocks(6, 8, dry=0.0))
    for block in given:
        count(bench, block)
        arrive(bench, block.begin + BLOCK)
        watch.update(NAME)
    names = engine.redis.hkeys(blocks_key(NAME))
    assert sorted(names) == [stamp(block.begin) for block in given[-4:]]  # of the newest day
    assert drift_state(engine, NAME) == run_detector(as_counted(given))


def test_states_of_earlier_charts_are_made_again_from_their_blocks(
    bench: Bench, watch: DriftWatch, engine: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = list(blocks(6, 5, dry=0.0))
    arrive(bench, given[-1].begin + BLOCK)
    with monkeypatch.context() as patch:
        patch.setattr(drift, "CHARTS", drift.CHARTS - 1)
        for block in given[:4]:
            count(bench, block)
        watch.update(NAME)
        assert drift_state(engine, NAME) == run_detector(as_counted(given[:4]))
    assert drift_state(engine, NAME) == Drift()
    count(bench, given[4])
    watch.update(NAME)
    assert drift_state(engine, NAME) == run_detector(as_counted(given))


def test_counts_that_are_added_meanwhile_are_not_lost(
    bench: Bench, watch: DriftWatch, engine: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = list(blocks(6, 2, dry=0.0))
    arrive(bench, given[-1].begin + BLOCK)
    for block in given:
        count(bench, block)
    block_of = watch._block

    def slowly(stream: str, begin: datetime) -> Block:
        block = block_of(stream, begin)
        count(bench, replace(given[0], received=0), number=1)
        return block

    monkeypatch.setattr(watch, "_block", slowly)
    assert not watch.update(NAME)
    assert drift_state(engine, NAME) == Drift()
    monkeypatch.undo()
    assert watch.update(NAME)
    assert drift_state(engine, NAME).upto == given[-1].begin


def test_skill_drift_is_told_when_it_begins_and_not_again(
    bench: Bench, watch: DriftWatch, engine: EngineClient, messages: list[str]
) -> None:
    worse = blocks(7, 12, after=60, dry=0.0, model=0.0, canary=0.05)
    given = [*blocks(7, 60, dry=0.0), *worse]
    for block in given[:60]:
        count(bench, block)
    arrive(bench, given[60].begin)
    watch.update(NAME)
    for block in given[60:]:
        count(bench, block)
        arrive(bench, block.begin + BLOCK)
        watch.update(NAME)
    assert SKILL_DRIFT in drift_state(engine, NAME).alerts
    assert len(messages) == 1
    assert "skill drift of the stream radar" in messages[0]


def test_reindex_makes_the_state_again(
    bench: Bench, watch: DriftWatch, engine: EngineClient
) -> None:
    assert bench.stores.streams.set_origin is not None
    assert GRID.shape == (SIDE, SIDE)
    bench.issue(0)
    for slot in (1, 2, A_BLOCK, 2 * A_BLOCK, 3 * A_BLOCK + 1):
        bench.put(slot, seed=slot)
        bench.score(-300, 900)
        watch.update(NAME)
    before = drift_state(engine, NAME)
    assert before.upto is not None
    engine.redis.flushall()
    reindex(bench.stores, bench.scorer, bench.sums, NAME)
    watch.update(NAME)
    assert drift_state(engine, NAME) == before
