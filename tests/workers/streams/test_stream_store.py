"""Declarations, the rhythm of a stream, its canary, what is kept of it and for how long."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from echocast.model.errors import ContractViolation, UnreadableInput
from echocast.model.formats.stream_frame import StreamFrame, read_header
from echocast.model.grid import Grid
from echocast.model.synthetic.storms import CRS
from echocast.model.verification.frame_statistics import describe, percentile_dbz, stability_index
from echocast.workers.archive.local_files import LocalFiles
from echocast.workers.engine.client import EngineClient
from echocast.workers.errors import StreamConflict, UnknownStream
from echocast.workers.streams.forecast_store import IssuedForecast
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.processing import mean_speed_m_s
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Origin, Stream
from echocast.workers.streams.stream_source import StreamSource
from tests.workers.streams.stream_bench import GRID, START, STEP, Bench, stream_frame

NOBODY = EngineClient("redis://127.0.0.1:1/0", 0)  # an engine that is never asked


@pytest.fixture
def stores(tmp_path: Path) -> StreamStores:
    return StreamStores.of(LocalFiles(tmp_path, free_space_floor_bytes=0))


def test_a_declaration_comes_back_as_it_was(stores: StreamStores) -> None:
    stream = Stream("radar", 5, "mm/h", GRID, 7, False, 20)
    assert stores.streams.declare(stream)[1]
    assert stores.streams.stream("radar").to_json() == stream.to_json()
    assert stores.streams.names() == ["radar"]


def test_a_declaration_is_read_once_until_it_changes(stores: StreamStores) -> None:
    stores.streams.declare(Stream("radar", 5))
    first = stores.streams.stream("radar")
    assert stores.streams.stream("radar") is first
    stores.streams.pause("radar", paused=True)
    assert stores.streams.stream("radar").paused
    stores.streams.delete("radar")
    with pytest.raises(UnknownStream, match="radar"):
        stores.streams.stream("radar")


def test_only_retention_nowcasting_and_gaps_may_change(stores: StreamStores) -> None:
    stores.streams.declare(Stream("radar", 5, grid=GRID))
    holds, new = stores.streams.declare(Stream("radar", 5, retention_days=3, auto_nowcast=False))
    assert not new
    assert (holds.retention_days, holds.auto_nowcast) == (3, False)
    assert holds.grid is not None
    for other in (
        Stream("radar", 6),
        Stream("radar", 5, "mm/h"),
        Stream("radar", 5, grid=Grid.of_pixels(16, 17)),
    ):
        with pytest.raises(StreamConflict, match="radar"):
            stores.streams.declare(other)
    assert stores.streams.stream("radar").to_json() == holds.to_json()


@pytest.mark.parametrize("name", ["../radar", "", "Radar", "a/b", "x" * 65])
def test_a_name_never_leaves_its_place(stores: StreamStores, name: str) -> None:
    with pytest.raises(ContractViolation, match="name"):
        Stream(name, 5)
    with pytest.raises(UnknownStream):
        stores.streams.stream(name)


def test_the_first_frame_settles_grid_and_rhythm(stores: StreamStores) -> None:
    stream, _ = stores.streams.declare(Stream("radar", 5))
    first = Origin.of_frame(GRID, START + timedelta(minutes=2), STEP)
    assert stores.streams.set_origin(stream, first).phase_seconds == 120
    second = Origin.of_frame(GRID, START, STEP)
    assert stores.streams.set_origin(stream, second).phase_seconds == 120
    with pytest.raises(ContractViolation, match="theirs has 17 x 16 pixels, not 16 x 16"):
        stores.streams.set_origin(stream, Origin(Grid.of_pixels(17, 16), 0))
    moved = Grid(GRID.y + 1, GRID.x, GRID.units)
    with pytest.raises(ContractViolation, match=r"their y\[0\] is 1, not 0"):
        stores.streams.set_origin(stream, Origin(moved, 0))
    with pytest.raises(StreamConflict, match=r"their y\[0\] is 1, not 0"):
        stores.streams.declare(Stream("radar", 5, grid=moved))


def test_frames_of_a_stream_lie_on_one_projection_to_one_pixel(stores: StreamStores) -> None:
    meridian = {**CRS, "longitude_of_projection_origin": 10.0}
    first = Grid(1000 * GRID.y, 1000 * GRID.x, "m", CRS)
    stream, _ = stores.streams.declare(Stream("radar", 5))
    stores.streams.set_origin(stream, Origin(first, 0))
    beside = Origin(replace(first, y=first.y + 800), 0)
    assert stores.streams.set_origin(stream, beside).grid.same_as(first)
    with pytest.raises(ContractViolation, match=r"their y\[0\] is 1100, not 0"):
        stores.streams.set_origin(stream, Origin(replace(first, y=first.y + 1100), 0))
    other = replace(first, crs=meridian)
    with pytest.raises(ContractViolation, match=r"projection is another: .* 143 km away"):
        stores.streams.set_origin(stream, Origin(other, 0))
    with pytest.raises(StreamConflict, match="projection is another"):
        stores.streams.declare(replace(stream, grid=other))


def test_places_are_whole_seconds_as_names_of_files_are(stores: StreamStores) -> None:
    stream, _ = stores.streams.declare(Stream("radar", 400 / 60))
    assert stream.step == timedelta(seconds=400)
    time = START + timedelta(seconds=130.4)
    origin = Origin.of_frame(GRID, time, stream.step)
    for slot in range(3):
        place = origin.place(time + slot * stream.step, stream.step)
        assert place == START + timedelta(seconds=130) + slot * stream.step


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"step_minutes": 1e-9}, "step"),
        ({"step_minutes": 2.505}, "step"),
        ({"step_minutes": float("nan")}, "step"),
        ({"retention_days": float("inf")}, "retention"),
        ({"retention_days": float("nan")}, "retention"),
        ({"maximum_gap_minutes": 1e300}, "gap"),
        ({"maximum_gap_minutes": -1}, "gap"),
    ],
)
def test_numbers_that_no_clock_can_count_are_refused(change: dict[str, float], rule: str) -> None:
    with pytest.raises(ContractViolation) as refused:
        Stream(**{"name": "radar", "step_minutes": 5, **change})  # type: ignore[arg-type]
    assert refused.value.rule == rule


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ({"step_minutes": 6.6667}, {"step_minutes": 400 / 60}),
        ({"step_minutes": 0.001}, {"step_minutes": 1 / 60}),
        ({"maximum_gap_minutes": 2880}, {"maximum_gap_minutes": 1440}),
        ({"maximum_gap_minutes": -1}, {"maximum_gap_minutes": 0}),
        ({"retention_days": 1e12}, {"retention_days": 36_500}),
    ],
)
def test_a_stream_declared_before_there_were_limits_is_read(
    stored: dict[str, float], read: dict[str, float]
) -> None:
    declared = Stream("radar", 5)
    names = Stream.from_json({**declared.to_json(), **stored})
    assert names == replace(declared, **read)  # type: ignore[arg-type]


def test_a_source_is_stored_only_where_there_is_one() -> None:
    source = StreamSource("An agency", "CC-BY-4.0", "https://a.example/", "Data: an agency.")
    stored = Stream("radar", 5, source=source).to_json()
    assert Stream.from_json(json.loads(json.dumps(stored))).source == source
    assert "source" not in Stream("radar", 5).to_json()


@pytest.mark.parametrize(("off", "place"), [(0, 0), (29, 0), (-29, 0), (275, 1), (325, 1)])
def test_a_frame_takes_the_nearest_place_in_the_rhythm(off: float, place: int) -> None:
    origin = Origin(GRID, 0)
    assert origin.place(START + timedelta(seconds=off), STEP) == START + place * STEP


@pytest.mark.parametrize("off", [31, 150, 269])
def test_a_frame_between_two_places_is_refused(off: float) -> None:
    with pytest.raises(ContractViolation, match="every 5 minutes"):
        Origin(GRID, 0).place(START + timedelta(seconds=off), STEP)


def test_the_first_model_of_a_stream_stays_its_canary(stores: StreamStores) -> None:
    assert stores.streams.canary("radar", "small/1") == "small/1"
    assert stores.streams.canary("radar", "large/2") == "small/1"


def test_a_frame_comes_back_as_it_was_stored() -> None:
    frame = stream_frame(0, seed=3)
    again = StreamFrame.from_bytes(frame.to_bytes())
    assert again.header == read_header(frame.to_bytes()) == frame.header
    np.testing.assert_array_equal(again.reflectivity_dbz, frame.reflectivity_dbz)
    assert frame.header.sha256 != stream_frame(1, seed=3).header.sha256
    assert frame.header.sha256 != stream_frame(0, seed=4).header.sha256
    assert frame.header.sha256 == stream_frame(0, seed=3, late=True).header.sha256


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_a_damaged_frame_is_said_to_be_damaged(cut: int) -> None:
    content = stream_frame(0, seed=3).to_bytes()[:cut]
    for read in (read_header, StreamFrame.from_bytes):
        with pytest.raises(UnreadableInput, match="damaged"):
            read(content)


def test_only_the_same_values_are_the_same_frame(stores: StreamStores) -> None:
    put = stores.frames.put
    assert put("radar", stream_frame(0, 1), replace=False) == "created"
    assert put("radar", stream_frame(0, 1, late=True), replace=False) == "same"
    with pytest.raises(StreamConflict, match="replace"):
        put("radar", stream_frame(0, 2), replace=False)
    header = stores.frames.header("radar", START)
    assert header is not None
    assert not header.late
    assert put("radar", stream_frame(0, 2), replace=True) == "replaced"
    changed = stores.frames.header("radar", START)
    assert changed is not None
    assert changed.sha256 != header.sha256


def test_an_issued_forecast_stays_as_it_is(tmp_path: Path) -> None:
    bench = Bench(tmp_path, NOBODY)
    first = bench.issue(0, seed=1)
    content = bench.stores.forecasts.local_file(first).read_bytes()
    second = bench.issue(0, seed=2)
    assert second == first
    assert bench.stores.forecasts.local_file(second).read_bytes() == content
    files = list((tmp_path / "forecasts").rglob("*.*"))
    assert sorted(file.suffix for file in files) == [".json", ".nc"]


def test_of_two_workers_the_forecast_of_the_first_holds(tmp_path: Path) -> None:
    bench = Bench(tmp_path, NOBODY)
    first: list[IssuedForecast] = []
    second = bench.issue(0, seed=2, meanwhile=lambda: first.append(bench.issue(0, seed=1)))
    assert [second] == first
    assert len(list((tmp_path / "forecasts").rglob("*.nc"))) == 1
    assert bench.stores.forecasts.listing("radar", TimeSpan(START, START)) == first


def test_what_is_old_goes_and_what_is_needed_stays(tmp_path: Path) -> None:
    bench = Bench(tmp_path, NOBODY)
    day = 288
    for slot in (0, 5 * day, 8 * day, 10 * day):
        bench.put(slot, seed=1)
        bench.issue(slot)
    stream = Stream("radar", 5, retention_days=4)
    ever = TimeSpan(START - timedelta(days=1), START + timedelta(days=30))
    assert bench.stores.remove_old(stream, START + 10 * day * STEP) == 3
    times = [header.time for header in bench.stores.frames.headers("radar", ever)]
    assert times == [START + 8 * day * STEP, START + 10 * day * STEP]
    issued = bench.stores.forecasts.listing("radar", ever)
    assert [i.forecast_reference_time for i in issued] == [
        START + slot * STEP for slot in (5 * day, 8 * day, 10 * day)
    ]
    assert bench.stores.remove_old(stream, START + 10 * day * STEP) == 0


def test_a_frame_is_described_by_counts() -> None:
    values = np.full((16, 16), 22.0, np.float32)
    values[:4] = np.nan
    values[4:8] = -32
    counts = describe(values)
    assert counts["pixels|missing"] == [256, 64]
    assert sum(counts["histogram|dbz"]) == 192
    assert counts["histogram|dbz"][0] == 64  # below 5 dBZ
    assert counts["histogram|dbz"][4] == 128  # 20 to 25 dBZ
    assert 20 <= (percentile_dbz(counts["histogram|dbz"]) or 0) <= 25


def test_the_stability_index_is_zero_for_equals_and_large_for_a_shift() -> None:
    usual = [900, 40, 30, 20, 10]
    assert stability_index(usual, [9 * count for count in usual]) == pytest.approx(0)
    assert (stability_index([400, 100, 200, 200, 100], usual) or 0) > 0.2
    assert stability_index([0, 0], usual[:2]) is None
    assert percentile_dbz([500, *([0] * 12)]) is None


def test_the_mean_speed_is_that_of_the_rain() -> None:
    y, x = np.mgrid[:96, :96]
    first, second = (
        np.clip(55 - ((y - 48) ** 2 + (x - c) ** 2) / 12, 0, None).astype(np.float32)
        for c in (44, 48)
    )
    speed = mean_speed_m_s(first, second, seconds=300, pixel_km=1)
    assert speed == pytest.approx(4 * 1000 / 300, rel=0.15)
    assert mean_speed_m_s(first * 0, second * 0, 300, 1) is None
