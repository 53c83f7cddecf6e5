"""Which frames a nowcast is made from, how gaps are bridged, and what comes without the network."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from echocast.workers.streams.fallback import fallback_forecast
from echocast.workers.streams.input_frames import assemble, choose
from echocast.workers.streams.stream import Stream
from tests.workers.streams.stream_bench import GRID, START, STEP, stream_frame

STREAM = Stream("radar", 5)
SLOTS = range(-15, 1)


def times(*slots: int) -> tuple[datetime, ...]:
    return tuple(START + slot * STEP for slot in slots)


def known(*missing: int) -> set[datetime]:
    return set(times(*(slot for slot in SLOTS if slot not in missing)))


def test_ten_frames_in_rhythm_are_taken_as_they_are() -> None:
    choice = choose(STREAM, START, known(), 10)
    assert choice.times == choice.sources == times(*range(-9, 1))
    assert choice.complete
    assert choice.quality == {}


def test_one_missing_frame_is_bridged_and_named() -> None:
    choice = choose(STREAM, START, known(-4), 10)
    assert choice.times == times(*range(-9, 1))
    assert choice.bridged == times(-4)
    assert times(-4)[0].isoformat() in choice.quality["bridged"]


def test_a_gap_that_opens_the_input_is_bridged_from_the_frame_before() -> None:
    choice = choose(STREAM, START, known(-9), 10)
    assert choice.bridged == times(-9)
    assert choice.sources[0] == times(-10)[0]


def test_several_gaps_are_bridged_each() -> None:
    choice = choose(STREAM, START, known(-2, -5, -7), 10)
    assert choice.bridged == times(-7, -5, -2)


@pytest.mark.parametrize(("longest", "count"), [(15, 10), (14, 3)])
def test_a_gap_as_long_as_the_setting_is_bridged(longest: float, count: int) -> None:
    stream = Stream("radar", 5, maximum_gap_minutes=longest)
    assert len(choose(stream, START, known(-3, -4), 10).times) == count


def test_a_longer_gap_ends_the_input() -> None:
    choice = choose(STREAM, START, known(-3, -4, -5), 10)
    assert choice.times == times(-2, -1, 0)
    assert not choice.complete
    assert "extrapolation: 3 of 10" in choice.quality["degraded"]


def test_one_missing_frame_is_bridged_however_long_the_step() -> None:
    stream = Stream("radar", 30, maximum_gap_minutes=15)
    half_hours = {START - k * timedelta(minutes=30) for k in range(12) if k != 3}
    assert len(choose(stream, START, half_hours, 10).bridged) == 1


def test_a_lonely_frame_persists() -> None:
    choice = choose(STREAM, START, {START}, 10)
    assert choice.times == (START,)
    assert "persistence: 1 of 10" in choice.quality["degraded"]


def test_frames_are_loaded_in_order_with_the_bridged_ones_between() -> None:
    frames = {START + slot * STEP: stream_frame(slot, seed=abs(slot)) for slot in SLOTS}
    choice = choose(STREAM, START, known(-4), 10)
    assembled = assemble(GRID, choice, frames)
    assert assembled.times == choice.times
    for index, time in enumerate(choice.times):
        if time not in choice.bridged:
            values = frames[time].reflectivity_dbz
            np.testing.assert_array_equal(assembled.reflectivity_dbz[index], values)
    assert assembled.no_rain_dbz == -32


def test_without_the_network_a_lonely_frame_stays_and_several_move_on() -> None:
    frames = {START + slot * STEP: stream_frame(slot, seed=0) for slot in SLOTS}
    for count, name in ((1, "persistence"), (4, "extrapolation")):
        slots = range(1 - count, 1)
        choice = choose(STREAM, START, set(times(*slots)), 10)
        forecast = fallback_forecast(assemble(GRID, choice, frames), STEP, 12, choice.quality)
        assert forecast.model.name == name
        assert forecast.frames.times == times(*range(1, 13))
        assert forecast.quality == choice.quality
        observed = frames[START].reflectivity_dbz
        first = forecast.persistence.reflectivity_dbz[0]
        valid = np.isfinite(first)
        assert valid.any()
        wet = valid & (observed > 0)
        np.testing.assert_array_equal(first[wet], observed[wet])
        assert np.isnan(first[np.isnan(observed)]).all()
