"""What nothing needs any more goes, what counts stays, and a process may end at any point."""

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echocast.model.formats.forecast_reader import read_forecast, read_not_stored
from echocast.model.formats.forecast_storage import ForecastStorage
from echocast.workers.archive.disk_shares import GB
from echocast.workers.engine.client import EngineClient
from echocast.workers.settings import WorkerSettings
from echocast.workers.streams.disk_use import DiskUse, stored_bytes
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.reindex import differing, reindex
from echocast.workers.streams.retention import NEWEST_STEPS, Retention
from echocast.workers.streams.scrub import Scrub
from echocast.workers.streams.stream import Stream
from tests.workers.streams.stream_bench import ALL, GRID, SIDE, START, STEP, Bench
from tests.workers.streams.test_scoring import killed_after

DAY = timedelta(days=1)


def retention(bench: Bench, gb: float = 10.0) -> Retention:
    return Retention(bench.stores, bench.scorer, bench.sums, gb)


def forecast_files(bench: Bench) -> int:
    return sum(bool(issued.path) for issued in bench.stores.forecasts.listing("radar", ALL))


def test_a_canary_keeps_its_file_until_every_frame_has_counted_it(bench: Bench) -> None:
    bench.issue(0, roles=("canary",))
    bench.issue(1)
    for slot in range(1, 4):
        bench.put(slot, seed=slot)
        retention(bench).apply()
        assert forecast_files(bench) == 2  # before its last count, whatever came
        bench.score()
    retention(bench).apply()
    (canary, model) = bench.stores.forecasts.listing("radar", ALL)
    assert (canary.path, bool(model.path)) == ("", True)
    assert bench.agrees()
    assert bench.sums.over("radar", ALL)["15|forecasts|canary"] == [1]


def test_counts_of_a_canary_without_a_file_stand_when_frames_are_replaced(bench: Bench) -> None:
    bench.issue(0, roles=("canary",))
    bench.issue(1)
    for slot in range(1, 4):
        bench.put(slot, seed=slot)
    bench.score()
    retention(bench).apply()
    before = bench.sums.over("radar", ALL)
    bench.put(2, seed=9)
    bench.score()
    assert bench.score() == 0
    after = bench.sums.over("radar", ALL)
    assert after["10|canary|30"] == before["10|canary|30"]
    assert after["5|model|30"] != before["5|model|30"]
    assert bench.agrees()
    assert differing(bench.stores, bench.scorer, "radar") == 0


def test_sums_are_made_again_without_the_canary_s_file(bench: Bench) -> None:
    bench.issue(0, roles=("canary",))
    for slot in range(1, 4):
        bench.put(slot, seed=slot)
    bench.score()
    retention(bench).apply()
    bench.put(3, seed=9)
    bench.score()
    before = bench.sums.over("radar", ALL)
    reindex(bench.stores, bench.scorer, bench.sums, "radar")
    assert bench.sums.over("radar", ALL) == before


def test_a_scrub_finds_nothing_wrong_where_a_file_was_removed_on_purpose(
    engine: EngineClient, tmp_path: Path
) -> None:
    engine.redis.flushall()
    bench = Bench(tmp_path / "store", engine)
    issued = bench.issue(0, leads=1, roles=("canary",))
    bench.put(1, seed=1)
    bench.score()
    retention(bench).apply()
    assert not bench.stores.files.version(issued.path)
    scrub = Scrub(WorkerSettings(data_dir=tmp_path))
    assert len(list(scrub.run())) > 3
    assert scrub.state.damaged == {}


def test_a_canary_whose_frames_never_come_waits_two_days(bench: Bench) -> None:
    bench.issue(0, leads=1, roles=("canary",))
    bench.put(500, seed=1)
    retention(bench).apply()
    assert forecast_files(bench) == 1
    bench.put(600, seed=1)
    retention(bench).apply()
    assert forecast_files(bench) == 0


LITTLE = Stream("radar", 5, storage=ForecastStorage((), longest_lead_minutes=5))


def test_a_scored_forecast_is_reduced_to_what_is_stored_and_its_counts_stand(bench: Bench) -> None:
    bench.stores.streams.declare(LITTLE)
    for slot in range(2):
        bench.issue(slot, seed=slot)
    for slot in range(1, 4):
        bench.put(slot, seed=slot)
        retention(bench).apply()
        assert all(one.countable for one in bench.stores.forecasts.listing("radar", ALL))
        bench.score()
    retention(bench).apply()
    first, second = bench.stores.forecasts.listing("radar", ALL)
    assert (first.reduced_to, second.reduced_to) == (LITTLE.storage, None)
    reduced = bench.stores.forecasts.local_file(first)
    assert read_not_stored(reduced) == [
        "reflectivity_sharp",
        "exceedance_probability",
        "lead times after 5 minutes",
    ]
    assert len(list(reduced.parent.glob("*.nc"))) == 2
    before = bench.sums.over("radar", ALL)
    assert any("reliability" in name for name in before)
    retention(bench).apply()
    assert bench.stores.forecasts.local_file(first) == reduced  # once
    bench.put(2, seed=9)
    bench.score()
    assert bench.agrees()
    assert differing(bench.stores, bench.scorer, "radar") == 0
    reindex(bench.stores, bench.scorer, bench.sums, "radar")
    assert bench.agrees()


def test_a_reduction_that_was_killed_goes_on_and_leaves_one_file_each(bench: Bench) -> None:
    bench.stores.streams.declare(LITTLE)
    for slot in range(4):
        bench.issue(slot, leads=2)
    for slot in range(1, 6):
        bench.put(slot, seed=slot)
    bench.score()
    before = bench.sums.over("radar", ALL)
    for number in range(8):
        killed_after(bench, number, retention(bench).apply)
    retention(bench).apply()
    listed = bench.stores.forecasts.listing("radar", ALL)
    assert [one.reduced_to for one in listed] == [LITTLE.storage] * 3 + [None]
    files = {str(path) for path in (bench.stores.files.root / "forecasts").rglob("*.nc")}
    assert files == {str(bench.stores.files.root / one.path) for one in listed}
    reindex(bench.stores, bench.scorer, bench.sums, "radar")
    assert bench.sums.over("radar", ALL) == before


def test_a_later_declaration_that_stores_less_reduces_what_is_there(bench: Bench) -> None:
    for slot in range(2):
        bench.issue(slot, leads=2)
    for slot in range(1, 4):
        bench.put(slot, seed=slot)
    bench.score()
    for longest in (10, 5):
        bench.stores.streams.declare(replace(LITTLE, storage=ForecastStorage((), longest)))
        retention(bench).apply()
        first, _ = bench.stores.forecasts.listing("radar", ALL)
        file = bench.stores.forecasts.local_file(first)
        assert read_forecast(file).lead_minutes[-1] == longest
    assert bench.agrees()


def days_looked_at(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Days of the month whose descriptions are read from now on."""
    looked_at: list[int] = []
    on_day = bench.stores.forecasts.on_day

    def noted(folder: str) -> list[Any]:
        looked_at.append(int(folder[-2:]))
        return on_day(folder)

    monkeypatch.setattr(bench.stores.forecasts, "on_day", noted)
    return looked_at


def test_days_that_were_cleared_are_looked_at_no_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_a_process, a_day = retention(bench), DAY // STEP
    for day in range(6):  # from 1 July on
        bench.issue(day * a_day, leads=1)
        bench.put(day * a_day + 1, seed=day)
    bench.score(last=6 * a_day)
    looked_at = days_looked_at(bench, monkeypatch)
    of_a_process.apply()
    assert set(looked_at) == {1, 2, 3, 4, 5, 6}
    looked_at.clear()
    of_a_process.apply()
    assert set(looked_at) == {3, 4, 5, 6}  # of which frames are scored still
    of_a_process.stores.streams.declare(LITTLE)
    of_a_process.apply()
    assert set(looked_at) == {1, 2, 3, 4, 5, 6}
    first, *_ = bench.stores.forecasts.listing("radar", ALL)
    assert first.reduced_to == LITTLE.storage


def test_the_newest_forecast_is_reduced_later_however_old_it_is(bench: Bench) -> None:
    bench.stores.streams.declare(LITTLE)
    of_a_process, a_day = retention(bench), DAY // STEP
    bench.issue(0, leads=1)
    for slot in (1, 10 * a_day):
        bench.put(slot, seed=slot)
        bench.score(last=11 * a_day)
        of_a_process.apply()
    first, *_ = bench.stores.forecasts.listing("radar", ALL)
    assert first.countable  # the newest that is served
    bench.issue(10 * a_day, leads=1)
    of_a_process.apply()
    first, *_ = bench.stores.forecasts.listing("radar", ALL)
    assert first.reduced_to == LITTLE.storage


HISTORY = st.lists(
    st.tuples(
        st.sampled_from(["frame", "forecast", "score", "retention"]),
        st.integers(0, 4),
        st.integers(0, 12),
    ),
    min_size=4,
    max_size=20,
)


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(HISTORY, st.booleans())
def test_counts_stand_after_any_history_of_removals(
    engine: EngineClient, history: Any, reduces: bool
) -> None:
    """Frames late and replaced; killed at any write of a removal, an issue or a count."""
    engine.redis.flushall()
    with tempfile.TemporaryDirectory(prefix="ec-") as root:
        bench = Bench(Path(root), engine)
        bench.stores.streams.declare(LITTLE if reduces else Stream("radar", 5))
        for kind, slot, number in history:
            roles = ("canary",) if slot % 2 else ("model",)
            if kind == "frame":
                bench.put(slot, seed=number % 3)
            elif kind == "forecast":
                killed_after(bench, number, lambda s=slot, r=roles: bench.issue(s, roles=r))
            elif kind == "score":
                killed_after(bench, number, lambda: bench.score(0, 8))
            else:
                killed_after(bench, number, retention(bench).apply)
        retention(bench).apply()
        bench.score()
        bench.agrees()
        before = bench.sums.over("radar", ALL)
        reindex(bench.stores, bench.scorer, bench.sums, "radar")
        assert bench.sums.over("radar", ALL) == before


def filled(bench: Bench, slots: int) -> None:
    for slot in range(slots):
        bench.put(slot, seed=slot)
        bench.issue(slot, leads=1)


def test_the_oldest_forecasts_go_first_then_frames_and_the_newest_never(bench: Bench) -> None:
    slots = NEWEST_STEPS + 10
    filled(bench, slots)
    bench.score()
    sums = bench.sums.over("radar", ALL)
    size = stored_bytes(bench.stores.files, "radar")
    oldest = bench.stores.forecasts.listing("radar", ALL)[0]
    file = bench.stores.forecasts.local_file(oldest)
    retention(bench, (size - file.stat().st_size) / GB).apply()
    issued = bench.stores.forecasts.listing("radar", ALL)
    assert [bool(one.path) for one in issued] == [False] + [True] * (slots - 1)
    assert len(bench.stores.frames.headers("radar", ALL)) == slots

    retention(bench, 1e-9).apply()
    newest = START + (slots - 1) * STEP
    first = newest - NEWEST_STEPS * STEP - bench.stream.longest_gap
    left = [one.forecast_reference_time for one in bench.stores.forecasts.listing("radar", ALL)]
    assert left[0] == START  # descriptions stay: no frame asks for a second forecast
    files = [o for o in bench.stores.forecasts.listing("radar", ALL) if o.path]
    assert files[0].forecast_reference_time == first
    assert bench.stores.frames.headers("radar", ALL)[0].time == first
    assert bench.sums.over("radar", ALL) == sums
    reindex(bench.stores, bench.scorer, bench.sums, "radar")
    assert bench.sums.over("radar", ALL) == sums


def test_a_removal_that_was_killed_goes_on(bench: Bench) -> None:
    slots = NEWEST_STEPS + 8
    filled(bench, slots)
    for number in range(6):
        killed_after(bench, number, retention(bench, 1e-9).apply)
    retention(bench, 1e-9).apply()
    files = list((bench.stores.files.root / "forecasts").rglob("*.nc"))
    listed = bench.stores.forecasts.listing("radar", TimeSpan(START, START + slots * STEP))
    assert len(files) == sum(bool(one.path) for one in listed) == NEWEST_STEPS + 4
    assert len(listed) == slots


def test_a_stream_s_own_limit_goes_before_the_service_s(bench: Bench) -> None:
    filled(bench, NEWEST_STEPS + 8)
    bench.stores.streams.declare(Stream("radar", 5, retention_gb=1))
    before = stored_bytes(bench.stores.files, "radar")
    retention(bench, 1e-9).apply()
    assert stored_bytes(bench.stores.files, "radar") == before


def test_a_full_disk_takes_from_the_largest_stream(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(bench, NEWEST_STEPS + 8)
    bench.stores.streams.declare(Stream("small", 5))
    monkeypatch.setattr(bench.stores.files, "spare_bytes", lambda: -1)
    retention(bench).apply()
    first, second, *_ = bench.stores.forecasts.listing("radar", ALL)
    assert (first.path, bool(second.path)) == ("", True)


def test_the_estimate_follows_from_the_newest_files(bench: Bench) -> None:
    filled(bench, 3)
    stored = [
        entry.size
        for kind in ("frames", "forecasts")
        for entry in bench.stores.files.listing(f"{kind}/radar/2026/07/01")
        if not entry.name.endswith(".json")
    ]
    use = DiskUse.of(bench.stores, bench.stream, 10)
    assert use.gb_a_day == pytest.approx(288 * sum(stored) / 3 / GB)
    assert use.gb == pytest.approx(stored_bytes(bench.stores.files, "radar") / GB)


def test_before_its_first_frame_a_stream_is_judged_by_its_grid(bench: Bench) -> None:
    use = DiskUse.of(bench.stores, bench.stream, 10)
    assert use.gb_a_day == pytest.approx(288 * SIDE * GRID.shape[1] * 65.6 / GB)
    unknown, _ = bench.stores.streams.declare(Stream("unknown", 5))
    assert DiskUse.of(bench.stores, unknown, 10).gb_a_day is None


@pytest.mark.parametrize(
    ("use", "days", "words"),
    [
        (DiskUse(2, 1, 10, 100, 30), 8, "About 1 GB a day; full (its limit of 10 GB) in 8 days"),
        (DiskUse(2, 1, 10, 4, 30), 4, "the disk is full in 4 days, then the oldest go."),
        (DiskUse(2, 1, 10, None, 7), 5, "7 GB in all, as the oldest go after 7 days."),
        (DiskUse(12, 1, 10, None, 30), 0, "full (its limit of 10 GB) now, the oldest go."),
        (DiskUse(0, None, 10, 5, 30), None, "At most 10 GB; how much a day"),
    ],
)
def test_a_sentence_says_for_how_long_there_is_room(
    use: DiskUse, days: float | None, words: str
) -> None:
    assert use.days_left == days
    assert words in use.summary
