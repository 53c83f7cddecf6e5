"""The remembered text of streams is always what a gateway that remembers nothing would say."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest

from echocast.model.registry.reader import RegistryReader
from echocast.model.sequence.rain_changes import KINDS
from echocast.service.metrics.exposition import StreamExposition
from echocast.service.streams.sample_floors import SampleFloors
from echocast.service.streams.source_states import SourceStates
from echocast.workers.engine.client import EngineClient
from echocast.workers.errors import EngineUnavailable
from tests.service.real_processes import engine, place
from tests.workers.streams.stream_bench import START, STEP, Bench, stream_frame

SERIES_OF_A_STREAM = 300
CLOCKS = ("silence_seconds", "forecast_age_seconds")  # go on while nothing happens


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineClient]:
    with place(tmp_path_factory.mktemp("models")) as where, engine(where):
        client = EngineClient(where.settings.engine_url, 5)
        yield client
        client.close()


def exposition_of(
    bench: Bench, floors: SampleFloors | None = None, *, by_lead: bool = False
) -> StreamExposition:
    some = floors or SampleFloors()
    return StreamExposition(
        bench.stores,
        bench.sums,
        some,
        RegistryReader(),
        SourceStates(bench.sums.engine),
        by_lead=by_lead,
    )


def lines_of(exposition: StreamExposition) -> list[str]:
    lines = exposition().decode().splitlines()
    return [line for line in lines if not any(clock in line for clock in CLOCKS)]


def test_what_is_remembered_is_what_is_true(connection: EngineClient, tmp_path: Path) -> None:
    bench, quiet = (Bench(tmp_path, connection, name) for name in ("radar", "quiet"))
    exposition = exposition_of(bench)

    def agrees() -> list[str]:
        lines = lines_of(exposition)
        assert lines == lines_of(exposition)
        assert lines == lines_of(exposition_of(bench))
        return lines

    texts = [agrees()]
    for slot in range(3):
        bench.put(slot, slot)
        texts.append(agrees())
    bench.issue(0)
    bench.score()
    texts.append(agrees())
    assert bench.put(1, 9) == "replaced"
    bench.score()
    texts.append(agrees())
    quiet.put(0, 5)
    texts.append(agrees())
    declared, first, *_, third, scored, replaced, other = texts
    assert declared != first
    assert third != scored != replaced != other


def test_the_speed_of_the_rain_may_come_after_everything_else(
    connection: EngineClient, tmp_path: Path
) -> None:
    bench = Bench(tmp_path, connection, "fast")
    exposition = exposition_of(bench)
    bench.put(0, 0)
    speed = 'echocast_stream_mean_speed_metres_per_second{stream="fast"}'
    assert f"{speed} NaN" in lines_of(exposition)
    bench.sums.note_speed("fast", 12.5)
    assert f"{speed} 12.5" in lines_of(exposition)


@pytest.mark.parametrize("failure", [None, EngineUnavailable("The engine is away.")])
def test_it_is_made_once_before_anybody_asks(
    failure: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever comes of it, the service goes on."""
    made = threading.Event()

    class Exposition(StreamExposition):
        def __call__(self) -> bytes:
            made.set()
            if failure:
                raise failure
            return b""

    async def lifespan() -> None:
        exposition = Exposition(Mock(), Mock(), SampleFloors(), Mock(), Mock())
        async with exposition.prepared():
            assert await asyncio.to_thread(made.wait, 10)

    asyncio.run(lifespan())
    assert ("The engine is away." in caplog.text) is bool(failure)


def test_the_floor_is_told(connection: EngineClient, tmp_path: Path) -> None:
    bench = Bench(tmp_path, connection, "floored")
    lines = lines_of(exposition_of(bench, SampleFloors(77, 7, 17)))
    for name, floor in {"pixels": 77, "blocks": 7, "storms": 17}.items():
        assert f"echocast_stream_event_floor_{name} {floor}.0" in lines


def test_frames_set_aside_and_storms_are_told(connection: EngineClient, tmp_path: Path) -> None:
    bench = Bench(tmp_path, connection, "poisoned")
    exposition = exposition_of(bench)
    for slot in (5, 6):  # 23:55 and midnight
        bench.put(slot, slot)
    bench.score()
    aside = 'echocast_stream_set_aside_frames{stream="poisoned"}'
    storms = 'echocast_stream_storms_total{stream="poisoned",threshold_dbz="20"}'
    before = lines_of(exposition)
    assert f"{aside} 0.0" in before
    assert [line for line in before if line.startswith(storms) and not line.endswith(" 0.0")]
    bench.stores.set_aside("poisoned", START + 5 * STEP, "It was deadly.")
    assert f"{aside} 1.0" in lines_of(exposition)
    assert bench.stores.frames.set_aside_times("poisoned") == [START + 5 * STEP]


def test_implausible_frames_of_the_last_hour_are_counted_by_kind(
    connection: EngineClient, tmp_path: Path
) -> None:
    bench = Bench(tmp_path, connection, "doubted")
    exposition = exposition_of(bench)
    for slot in range(20):
        bench.put(slot, slot)
    gauge = 'echocast_stream_implausible_frames{kind="%s",stream="doubted"} %s.0'
    before = lines_of(exposition)
    assert {gauge % (kind, 0) for kind in KINDS} <= set(before)
    for slot, kind in ((2, "frozen"), (15, "frozen"), (18, "vanished"), (19, "frozen")):
        bench.stores.set_aside("doubted", START + slot * STEP, "It cannot be.", kind)
    after = set(lines_of(exposition))
    counts = {"vanished": 1, "appeared": 0, "intensity": 0, "frozen": 2}
    assert {gauge % pair for pair in counts.items()} <= after
    assert 'echocast_stream_set_aside_frames{stream="doubted"} 0.0' in after


def test_a_challenger_is_methods_from_its_first_forecast_on(
    connection: EngineClient, tmp_path: Path
) -> None:
    """At zero, so that the increase of its counters misses nothing."""
    bench = Bench(tmp_path, connection, "shadowed")
    exposition = exposition_of(bench)
    bench.put(0, 0)
    assert not [line for line in lines_of(exposition) if "challenger" in line]
    bench.issue(0, roles=("challenger",))
    lines = [line for line in lines_of(exposition) if 'method="challenger"' in line]
    assert lines
    assert all(line.endswith(" 0.0") for line in lines)


def test_series_of_a_stream_are_few_and_those_of_leads_are_asked_for(
    connection: EngineClient, tmp_path: Path
) -> None:
    bench = Bench(tmp_path, connection, "counted")
    bench.put(0, 0)
    bench.put(1, 1)
    bench.issue(0)
    bench.score()
    pooled, by_lead = (
        [line for line in lines_of(exposition_of(bench, by_lead=each)) if '"counted"' in line]
        for each in (False, True)
    )
    methods, thresholds, outcomes, leads, roles = 6, 4, 4, 10, 3
    pixels, forecasts = methods * thresholds * outcomes, roles
    others = len(pooled) - pixels - forecasts
    assert len(pooled) <= SERIES_OF_A_STREAM
    assert len(by_lead) == leads * (pixels + forecasts) + others
    assert counter_sums(pooled) == counter_sums(by_lead)
    assert not [line for line in by_lead if 'lead_minutes="all"' in line]


def counter_sums(lines: list[str]) -> dict[str, float]:
    """Of counters that have a lead time, over all of it."""
    sums: dict[str, float] = {}
    for line in lines:
        name, _, value = line.rpartition(" ")
        if "lead_minutes" in name:
            without = re.sub(r'lead_minutes="[^"]+",?', "", name)
            sums[without] = sums.get(without, 0.0) + float(value)
    assert sum(sums.values()) > 0
    return sums


def test_a_stream_is_live_where_frames_come_soon_and_it_is_not_paused(
    connection: EngineClient, tmp_path: Path
) -> None:
    replayed, live = (Bench(tmp_path, connection, name) for name in ("replayed", "live"))
    exposition = exposition_of(live)

    def shown() -> set[str]:
        return {line for line in lines_of(exposition) if line.startswith("echocast_stream_live{")}

    def values(first: int, second: int) -> set[str]:
        both = {"live": first, "replayed": second}
        return {f'echocast_stream_live{{stream="{n}"}} {v:.1f}' for n, v in both.items()}

    assert shown() == values(0, 0)  # new
    late = datetime.now(UTC)
    for slot in range(20):
        frame = stream_frame(slot, slot)
        header = dataclasses.replace(frame.header, received=late)
        replayed.stores.frames.put(
            "replayed", dataclasses.replace(frame, header=header), replace=True
        )
        live.put(slot, slot)
    assert shown() == values(1, 0)
    frame = stream_frame(20, 20)  # sent after an outage, with what was missed
    header = dataclasses.replace(frame.header, received=frame.header.time + timedelta(hours=5))
    live.stores.frames.put("live", dataclasses.replace(frame, header=header), replace=True)
    assert shown() == values(1, 0)
    live.stores.streams.pause("live", paused=True)
    assert shown() == values(0, 0)
    live.stores.streams.pause("live", paused=False)
    assert shown() == values(1, 0)
