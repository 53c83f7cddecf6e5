"""The weather of a month: the same for the same seed, rain and dry hours, nothing implausible."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from echocast.model.frames import Frames
from echocast.model.sequence.plausibility import examine
from tests.month.weather import Weather

START = datetime(2027, 3, 1, tzinfo=UTC)
STEP = timedelta(minutes=20)
DAYS = 4


def frames() -> Frames:
    weather = Weather(1, START, 48, STEP)
    single = [weather.frame(START + number * STEP) for number in range(timedelta(DAYS) // STEP)]
    values = np.concatenate([frame.reflectivity_dbz for frame in single])
    return single[0].with_values(values, [frame.times[0] for frame in single])


def test_it_rains_and_is_dry_again() -> None:
    wet = (frames().reflectivity_dbz >= 30).any(axis=(1, 2))
    assert 0.2 < wet.mean() < 0.9


def test_the_same_seed_gives_the_same_weather_from_any_time_on() -> None:
    time = START + timedelta(hours=30)
    first = Weather(1, START, 48, STEP).frame(time)
    weather = Weather(1, START, 48, STEP)
    weather.frame(START)
    assert np.array_equal(first.reflectivity_dbz, weather.frame(time).reflectivity_dbz)


def test_no_frame_is_what_rain_cannot_do() -> None:
    whole = frames()
    for last in range(10, len(whole)):
        examination = examine(whole[last - 9 : last + 1], 2 * STEP)
        assert 9 not in examination.doubts
