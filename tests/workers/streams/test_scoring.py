"""The counts of a stream are what a recount gives, whatever happens in whatever order."""

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echocast.model.drift.blocks import Block
from echocast.model.drift.indicators import BIAS, SKILL, indicators
from echocast.service.streams.sample_floors import SampleFloors
from echocast.service.streams.scores import verification
from echocast.workers.engine.client import EngineClient
from echocast.workers.errors import UnknownStream
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.reindex import differing, reindex, stored
from echocast.workers.streams.removal import StreamRemoval
from echocast.workers.streams.stream import Stream
from tests.workers.streams.stream_bench import ALL, START, Bench

DAY = timedelta(days=1)


def test_a_frame_scores_every_forecast_valid_at_its_time_once(bench: Bench) -> None:
    bench.issue(0)
    bench.issue(1)
    bench.put(2, seed=5)
    assert bench.score() == 3  # two forecasts and the frame itself
    assert bench.score() == 0
    assert bench.agrees()
    sums = bench.sums.over("radar", ALL)
    assert sums["10|forecasts|model"] == [1]
    assert sums["5|forecasts|model"] == [1]
    assert sum(sums["5|model|30"]) == sum(sums["5|persistence|50"]) > 0


def test_all_five_methods_are_counted_on_the_same_pixels(bench: Bench) -> None:
    bench.issue(0)
    bench.put(1, seed=5)
    bench.score()
    sums = bench.sums.over("radar", ALL)
    methods = ("model", "canary", "extrapolation", "decoded_extrapolation", "persistence")
    for threshold in ("20", "30", "40", "50"):
        assert len({sum(sums[f"5|{method}|{threshold}"]) for method in methods}) == 1
    assert sums["5|model|30"] == sums["5|canary|30"]
    assert sums["5|model|30"] != sums["5|persistence|30"]
    assert sum(sums["5|reliability|30"][:10]) == sum(sums["5|model|30"])


def test_leads_after_the_networks_have_scores_of_their_own_and_no_part_in_pooled_ones(
    bench: Bench,
) -> None:
    """Drift, promotion and all leads together are those of the network, whatever follows it."""
    bench.issue(0, leads=3, lead_sources=("network", "network", "extrapolation"))
    for slot in (1, 2, 3):
        bench.put(slot, seed=slot)
    bench.score()
    assert bench.agrees()
    sums = bench.sums.over("radar", ALL)
    assert not [name for name in sums if name.startswith("15|") and not name.endswith("|beyond")]
    assert sums["15|forecasts|model|beyond"] == sums["10|forecasts|model"] == [1]
    of_network = {name: one for name, one in sums.items() if not name.startswith("15|")}
    block, expected = (Block.of(START, 3, 3, counts) for counts in (sums, of_network))
    for series in indicators(expected, 1).keys() | {SKILL, BIAS}:
        assert indicators(block, 1)[series] == indicators(expected, 1)[series]
    scores = verification(bench.sums, "radar", ALL, SampleFloors()).methods["model"]["30"]
    assert [lead.lead_minutes for lead in scores.leads] == [5, 10, 15]
    assert [lead.forecasts for lead in scores.leads] == [1, 1, 1]
    first, second, third = (lead.hits for lead in scores.leads)
    assert third > 0
    assert scores.pooled.hits == first + second


def test_a_frame_that_came_before_its_forecast_counts_too(bench: Bench) -> None:
    bench.put(1, seed=5)
    bench.score()
    bench.issue(0)
    bench.score()
    assert bench.sums.over("radar", ALL)["5|forecasts|model"] == [1]
    assert bench.agrees()


def test_at_issue_a_forecast_is_scored_only_at_frames_that_ended_no_worker(bench: Bench) -> None:
    bench.put(1, seed=5)
    bench.put(2, seed=6)
    bench.score()
    bench.put(3, seed=7)  # no worker has counted it yet
    bench.put(2, seed=8)  # nor this one, which replaces another
    bench.issue(0)
    assert bench.scorer.score_at_counted_frames("radar", ALL) == 1
    assert bench.sums.over("radar", ALL)["5|forecasts|model"] == [1]
    assert "10|forecasts|model" not in bench.sums.over("radar", ALL)
    assert bench.score() == 4  # both frames themselves, and the forecast at each
    assert bench.agrees()


def test_a_replaced_frame_changes_the_counts_but_never_the_totals(bench: Bench) -> None:
    bench.issue(0)
    bench.put(1, seed=5)
    bench.score()
    before, totals = bench.sums.over("radar", ALL), bench.sums.totals("radar")
    assert bench.put(1, seed=6) == "replaced"
    bench.score()
    assert bench.sums.over("radar", ALL) != before
    assert bench.sums.totals("radar") == totals == before
    assert bench.sums.corrections("radar") == 2  # the forecast and the frame itself
    assert bench.agrees()
    assert not bench.scorer.pending("radar", ALL).outdated


def test_a_worker_with_an_old_frame_in_hand_adds_nothing(bench: Bench) -> None:
    bench.issue(0)
    bench.put(1, seed=5)
    pending = bench.scorer.pending("radar", ALL)
    counted = list(bench.scorer._count(bench.stream, pending))
    assert counted
    bench.put(1, seed=6)
    for counts in counted:
        bench.scorer._add(bench.stream, counts, pending)
    assert bench.sums.over("radar", ALL) == {}
    bench.score()
    assert bench.agrees()
    assert bench.sums.corrections("radar") == 0


def test_a_worker_that_scores_a_stream_while_it_is_deleted_writes_nothing_more(
    bench: Bench,
) -> None:
    bench.issue(0)
    bench.put(1, seed=5)
    pending = bench.scorer.pending("radar", ALL)
    removal = StreamRemoval(bench.stores, bench.sums)
    counting = bench.scorer.count("radar", pending.expected)
    counts = next(counting)
    removal.delete("radar")
    for again in (False, True):
        with pytest.raises(UnknownStream):
            bench.scorer._add(bench.stream, counts, pending)
        assert bench.sums.totals("radar") == {}
        if not again:
            removal.declare(bench.stream)


def test_a_pair_that_is_added_twice_counts_once_and_corrects_nothing(bench: Bench) -> None:
    bench.issue(0)
    bench.put(1, seed=5)
    bench.score()
    before = bench.sums.over("radar", ALL)
    pending = bench.scorer.pending("radar", ALL)
    for counts in bench.scorer.stored(pending, pending.valid):
        bench.scorer._add(bench.stream, counts, pending)
    assert bench.sums.over("radar", ALL) == bench.sums.totals("radar") == before
    assert bench.sums.corrections("radar") == 0


def test_a_few_vectors_are_what_they_are_among_all(bench: Bench) -> None:
    for slot in range(9):  # beyond the hour, and the day
        bench.issue(slot, seed=slot)
        bench.put(slot, seed=slot)
    bench.score()
    for span in (
        ALL,
        TimeSpan(START, START + timedelta(minutes=20)),
        TimeSpan(START - DAY, START - DAY),
    ):
        every = bench.sums.over("radar", span)
        names = ["5|model|30", "5|reliability|30", "0|histogram|dbz", "99|model|30"]
        assert bench.sums.vectors_over("radar", span, names) == {
            name: every[name] for name in names if name in every
        }
    assert not every


def test_few_vectors_are_told_by_an_engine_that_is_full(bench: Bench) -> None:
    bench.issue(0)
    bench.put(1, seed=5)
    bench.score()
    redis = bench.sums.engine.redis
    [(_, most)] = redis.config_get("maxmemory").items()
    redis.config_set("maxmemory", 1)
    try:
        assert bench.sums.vectors_over("radar", ALL, ["5|model|30"])
    finally:
        redis.config_set("maxmemory", most)


def test_sums_come_back_from_files_when_the_engine_forgot_everything(bench: Bench) -> None:
    for slot in range(4):
        bench.put(slot, seed=slot)
        bench.issue(slot)
    bench.score()
    before = bench.sums.over("radar", ALL)
    bench.sums._engine.redis.flushall()
    outcome = reindex(bench.stores, bench.scorer, bench.sums, "radar")
    assert bench.sums.over("radar", ALL) == bench.sums.totals("radar") == before
    assert (outcome.frames, outcome.forecasts, outcome.counted) == (4, 4, 0)


def test_pairs_of_a_damaged_forecast_are_not_said_to_be_counted(bench: Bench) -> None:
    issued = bench.issue(0)
    bench.issue(1)
    for slot in range(3):
        bench.put(slot, seed=slot)
    bench.stores.forecasts.local_file(issued).write_bytes(b"")
    outcome = reindex(bench.stores, bench.scorer, bench.sums, "radar")
    assert outcome.counted == outcome.pairs == 3 + 1  # the frames, and the second forecast
    assert reindex(bench.stores, bench.scorer, bench.sums, "radar").counted == 0


def test_a_recount_finds_counts_that_were_tampered_with(bench: Bench) -> None:
    bench.issue(0)
    bench.put(1, seed=5)
    bench.score()
    assert differing(bench.stores, bench.scorer, "radar") == 0
    (frame,) = bench.stores.counts.frames("radar", ALL)
    changed = bench.stores.counts.counts(frame)
    forecast = next(name for name in changed if name != "observed")
    changed[forecast] = {**changed[forecast], "5|model|30": [1, 2, 3, 4]}
    bench.stores.counts.drop("radar", frame)
    bench.stores.counts.put("radar", frame.valid_time, frame.frame_sha, changed)
    assert differing(bench.stores, bench.scorer, "radar") == 1


def test_counts_outlive_the_frames_they_came_from(bench: Bench) -> None:
    for slot in range(3):
        bench.put(slot, seed=slot)
        bench.issue(slot)
    bench.score()
    before = bench.sums.over("radar", ALL)
    bench.stores.remove_old(Stream("radar", 5, retention_days=1), START + timedelta(days=9))
    assert bench.stores.frames.newest_time("radar") is None
    assert bench.score() == 0
    assert bench.sums.over("radar", ALL) == before
    reindex(bench.stores, bench.scorer, bench.sums, "radar")
    assert bench.sums.over("radar", ALL) == before
    assert stored(bench.stores, bench.scorer, "radar") == before


def test_a_damaged_forecast_keeps_no_other_from_its_scores(bench: Bench) -> None:
    damaged = bench.issue(0)
    bench.issue(1)
    bench.stores.forecasts.local_file(damaged).write_bytes(b"rain")
    bench.put(2, seed=5)
    bench.score()
    assert bench.sums.over("radar", ALL)["5|forecasts|model"] == [1]


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


def killed_after(bench: Bench, operations: int, action: Callable[[], Any]) -> None:
    """Run an action that dies at its n-th write to files or engine."""
    left = operations

    def dying(write: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return write(*arguments, **named)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in ("put", "create", "delete"):
            patch.setattr(bench.stores.files, name, dying(getattr(bench.stores.files, name)))
        patch.setattr(bench.sums, "_add", dying(bench.sums._add))
        try:
            action()
        except Killed:
            return


SLOT = st.integers(0, 6)  # the last begins an hour, and a day
STEPS = st.one_of(
    st.tuples(st.just("frame"), SLOT, st.integers(1, 3)),
    st.tuples(st.just("forecast"), SLOT, st.integers(0, 20)),
    st.tuples(st.just("settle"), SLOT, st.integers(0, 20)),
    st.tuples(st.just("reindex"), SLOT, st.integers(0, 20)),
)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STEPS, min_size=1, max_size=20))
def test_counts_equal_the_recount_after_any_history(engine: EngineClient, history: Any) -> None:
    """Late and replaced frames, workers killed at any write, an engine that forgot."""
    engine.redis.flushall()
    with tempfile.TemporaryDirectory(prefix="ec-") as root:
        bench = Bench(Path(root), engine)
        for kind, slot, number in history:
            if kind == "frame":
                bench.put(slot, seed=number)
            elif kind == "forecast":
                killed_after(bench, number, lambda slot=slot: bench.issue(slot))
            elif kind == "settle":
                killed_after(bench, number, lambda slot=slot: bench.score(slot, slot))
            else:
                engine.redis.flushall()
                whole = (bench.stores, bench.scorer, bench.sums, "radar")
                killed_after(bench, number, lambda whole=whole: reindex(*whole))
        bench.score()
        bench.agrees()
        before = bench.sums.over("radar", ALL)
        assert bench.score() == 0
        assert bench.sums.over("radar", ALL) == before


@pytest.fixture(scope="module")
def in_time_order(engine: EngineClient) -> dict[str, list[int]]:
    """The sums of three frames and two forecasts that come one after another."""
    engine.redis.flushall()
    with tempfile.TemporaryDirectory(prefix="ec-") as root:
        bench = Bench(Path(root), engine)
        for slot in range(4):
            bench.put(slot, seed=slot) if slot else None
            bench.issue(slot) if slot < 2 else None
            bench.score()
        return bench.sums.over("radar", ALL)


@settings(max_examples=30)
@given(order=st.permutations([("frame", k) for k in range(1, 4)] + [("issue", k) for k in (0, 1)]))
def test_the_order_of_arrival_does_not_matter(
    engine: EngineClient, in_time_order: dict[str, list[int]], order: Any
) -> None:
    engine.redis.flushall()
    with tempfile.TemporaryDirectory(prefix="ec-") as root:
        bench = Bench(Path(root), engine)
        for kind, slot in order:
            bench.put(slot, seed=slot) if kind == "frame" else bench.issue(slot)
            bench.score()
        sums = bench.sums.over("radar", ALL)
        assert sums["10|forecasts|model"] == [2]
        assert bench.agrees()
        assert sums == in_time_order
