"""Frames that cannot follow those before them: set aside, replaced in forecasts, never scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.grid import FloatArray, Grid
from echocast.workers.jobs.job import Job
from echocast.workers.jobs.job_input import JobInput
from echocast.workers.streams.processing import StreamProcessing
from echocast.workers.streams.stream import Origin, Stream
from tests.model.smooth_rain import SIDE, rain
from tests.workers.conftest import World, name_models
from tests.workers.streams.stream_bench import ALL, START, STEP

RAIN = rain(count=24, speed=1.0)
GRID = Grid.of_squares(SIDE, SIDE, 1.0)


def time_of(slot: int) -> datetime:
    return START + slot * STEP


class Feed:
    """A stream whose frames come one by one, without a worker's process."""

    def __init__(self, processing: StreamProcessing) -> None:
        self.processing = processing
        stream, _ = processing.stores.streams.declare(Stream("radar", 5))
        processing.stores.streams.set_origin(stream, Origin(GRID, 0))

    def send(self, slot: int, values: FloatArray | None = None, *, replaced: bool = False) -> str:
        values = RAIN[slot] if values is None else values
        time = time_of(slot)
        frame = StreamFrame.of(time, values, -32.0, time, late=False, attributes={})
        if replaced:
            header = replace(frame.header, received=datetime.now(time.tzinfo))
            frame = replace(frame, header=header)
        outcome = self.processing.stores.frames.put("radar", frame, replace=replaced)
        self.processing.on_frame("radar", time, time)
        return outcome

    def kinds(self) -> dict[int, str]:
        asides = self.processing.stores.frames.aside.newest("radar")
        return {(one.time - START) // STEP: one.kind for one in asides}

    def job(self, slot: int) -> Job:
        keys = self.processing.engine.redis.scan_iter("echocast:job:*")
        jobs = (self.processing.jobs.get(key.rpartition(":")[2]) for key in keys)
        return next(job for job in jobs if job and job.forecast_reference_time == time_of(slot))

    def inputs(self, slot: int) -> JobInput:
        return self.processing.forecasting.inputs(self.job(slot), 10, 10)


@pytest.fixture
def feed(make_world: Callable[..., World], tmp_path: Path) -> Iterator[Feed]:
    world = make_world(models_dir=name_models(tmp_path, "fake/1"))
    processing = StreamProcessing.from_settings(world.settings, 5)
    yield Feed(processing)
    processing.close()


FAULTS: dict[str, tuple[Callable[[int], Any], str]] = {
    "emptied": (lambda slot: np.full_like(RAIN[slot], -32), "vanished"),
    "half emptied": (
        lambda slot: np.where(np.arange(SIDE)[:, None] < SIDE // 2, -32, RAIN[slot]),
        "vanished",
    ),
    "repeated": (lambda slot: RAIN[slot - 1], "frozen"),
    "doubled": (lambda slot: np.minimum(2 * RAIN[slot], 95), "appeared"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_newest_image_counts_as_missing_and_the_forecast_is_made_without_it(
    feed: Feed, fault: str
) -> None:
    made, kind = FAULTS[fault]
    for slot in range(10):
        feed.send(slot)
    assert feed.inputs(9).without_network is None
    feed.send(10, np.asarray(made(10), np.float32))
    assert feed.kinds() == {10: kind}
    assert feed.processing.stores.frames.newest_time("radar") == time_of(9)
    forecast = feed.inputs(10).without_network
    assert forecast is not None
    assert forecast.forecast_reference_time == time_of(10)
    assert forecast.frames.times == tuple(time_of(slot) for slot in range(11, 21))
    assert time_of(10).isoformat() in forecast.quality["plausibility"]
    assert time_of(9).isoformat() in forecast.quality["degraded"]
    for lead in (0, 4):
        values, truth = forecast.frames.reflectivity_dbz[lead], RAIN[11 + lead]
        known = np.isfinite(values)
        assert np.abs(np.clip(values, 0, None) - truth)[known].mean() < 1
    feed.send(11)
    assert feed.kinds() == {10: kind}
    inputs = feed.inputs(11)
    assert inputs.without_network is None
    assert time_of(10).isoformat() in inputs.quality["bridged"]


def test_a_faulty_image_is_not_scored(feed: Feed) -> None:
    for slot in range(3):
        feed.send(slot)
    feed.send(3, np.full_like(RAIN[3], -32))
    counted = feed.processing.stores.counts.frames("radar", ALL)
    assert [frame.valid_time for frame in counted] == [time_of(slot) for slot in range(3)]


def test_a_faulty_image_is_found_before_it_is_scored_whoever_scores_first(feed: Feed) -> None:
    for slot in range(3):
        feed.send(slot)
    time = time_of(3)
    dry = np.full_like(RAIN[3], -32)
    frame = StreamFrame.of(time, dry, -32.0, time, late=False, attributes={})
    feed.processing.stores.frames.put("radar", frame, replace=False)
    assert feed.processing.scorer.score_span("radar", ALL) == 0
    assert feed.kinds() == {3: "vanished"}


def test_a_feed_that_repeats_one_image_is_forecast_by_persistence_and_degraded(feed: Feed) -> None:
    feed.send(0)
    for slot in range(1, 12):
        feed.send(slot, RAIN[0])
    assert feed.kinds() == dict.fromkeys(range(1, 12), "frozen")
    for slot in (1, 5, 11):
        forecast = feed.inputs(slot).without_network
        assert forecast is not None
        assert forecast.model.name == "persistence"
        assert {"plausibility", "degraded"} <= forecast.quality.keys()
        wet = RAIN[0] > 0
        np.testing.assert_allclose(
            forecast.frames.reflectivity_dbz[0][wet], RAIN[0][wet], atol=0.01
        )


def test_a_change_that_lasts_is_believed_and_no_bridge_leads_over_it(feed: Feed) -> None:
    for slot in range(8):
        feed.send(slot)
    for slot in range(8, 14):
        feed.send(slot, np.full_like(RAIN[slot], -32))
    assert feed.kinds() == dict.fromkeys(range(8, 11), "vanished")
    forecast = feed.inputs(13).without_network
    assert forecast is not None
    assert "plausibility" not in forecast.quality
    assert np.nanmax(forecast.frames.reflectivity_dbz) <= 0


def test_an_implausible_image_that_is_sent_again_is_believed(feed: Feed) -> None:
    for slot in range(10):
        feed.send(slot)
    dry = np.full_like(RAIN[10], -32)
    feed.send(10, dry)
    assert feed.send(10, dry, replaced=True) == "replaced"
    assert feed.kinds() == {}
    inputs = feed.inputs(10)
    assert inputs.without_network is None
    np.testing.assert_array_equal(inputs.frames.reflectivity_dbz[-1], dry)
    assert "is believed" in inputs.frames.notes["plausibility"]


def test_a_right_image_in_place_of_a_faulty_one_is_counted(feed: Feed) -> None:
    for slot in range(10):
        feed.send(slot)
    feed.send(10, np.full_like(RAIN[10], -32))
    assert feed.send(10, replaced=True) == "replaced"
    assert feed.kinds() == {}
    assert feed.processing.stores.frames.newest_time("radar") == time_of(10)


def test_a_sweep_asks_for_the_forecast_of_an_implausible_frame(feed: Feed) -> None:
    for slot in range(3):
        feed.send(slot)
    feed.send(3, np.full_like(RAIN[3], -32))
    job = feed.job(3)
    feed.processing.engine.redis.flushdb()
    feed.processing.sweep()
    assert feed.job(3).id == job.id


def test_a_damaged_implausible_frame_is_no_frame(feed: Feed, tmp_path: Path) -> None:
    feed.send(0)
    for slot in (1, 2, 3, 4):
        feed.send(slot, RAIN[0])
    job = feed.job(4)
    files = feed.processing.stores.files
    path = next(e.path for e in files.listing("frames/radar/2026/07/01") if "T235000" in e.path)
    files.put(path, b"no frame")
    with pytest.raises(Exception, match="has no frame"):
        feed.processing.forecasting.inputs(job, 10, 10)
