"""Storms are counted as regions, once an hour."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from echocast.model.verification.storms import is_first_of_hour, storms

HOUR = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_regions_of_ten_square_kilometres_are_storms() -> None:
    field = np.zeros((40, 40), np.float32)
    field[:4, :4] = 35  # 16 km2
    field[10:13, 10:13] = 55  # 9 km2
    field[20:30, 20:30] = 25
    field[22:26, 22:26] = 45  # within another
    assert storms(field, 1.0) == {
        "storms|20": [2],
        "storms|30": [2],
        "storms|40": [1],
        "storms|50": [0],
    }
    assert storms(field, 2.0)["storms|50"] == [1]  # 36 km2 now


def test_corners_connect_and_missing_pixels_part() -> None:
    field = np.full((20, 20), -32, np.float32)
    field[:5, :5] = field[5:10, 5:10] = 30
    assert storms(field, 1.0)["storms|30"] == [1]
    field[:] = 30
    field[:, 10] = np.nan
    assert storms(field, 1.0)["storms|30"] == [2]
    assert storms(field * np.nan, 1.0)["storms|20"] == [0]


@pytest.mark.parametrize(("step", "phase"), [(5, 0), (5, 2), (6, 0), (15, 7), (60, 0)])
def test_one_frame_an_hour_is_looked_at(step: int, phase: int) -> None:
    times = [HOUR + timedelta(minutes=phase + step * k) for k in range(3 * 60 // step)]
    looked = [time for time in times if is_first_of_hour(time, timedelta(minutes=step))]
    assert [time - HOUR for time in looked] == [timedelta(hours=h, minutes=phase) for h in range(3)]
