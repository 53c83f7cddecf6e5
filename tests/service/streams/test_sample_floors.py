"""On how much a score stands: pixels, blocks of six hours and storms, each with its floor."""

from datetime import UTC, datetime, timedelta

import pytest

from echocast.service.streams.sample_floors import SampleFloors

FIRST = datetime(2026, 7, 1, tzinfo=UTC)
HOURLY = {
    FIRST: {"5|model|30": [10, 5, 5, 80], "10|model|30": [1, 1, 1, 97], "0|storms|30": [3]},
    FIRST + timedelta(hours=5): {"5|model|30": [7, 0, 0, 93], "5|canary|30": [90, 9, 9, 9]},
    FIRST + timedelta(hours=6): {"5|model|30": [0, 0, 0, 100], "0|storms|30": [0]},
    FIRST + timedelta(hours=12): {"5|model|30": [0, 0, 1, 99], "0|storms|30": [4]},
}


def test_pixels_blocks_and_storms_are_told() -> None:
    sample = SampleFloors().sample(HOURLY, 30)
    assert (sample.pixels, sample.blocks, sample.storms) == (31, 2, 7)
    assert not sample.enough
    assert SampleFloors().sample({}, 30).pixels == 0


@pytest.mark.parametrize(
    ("floors", "enough"),
    [
        (SampleFloors(31, 2, 7), True),
        (SampleFloors(32, 2, 7), False),
        (SampleFloors(31, 3, 7), False),
        (SampleFloors(31, 2, 8), False),
    ],
)
def test_each_floor_must_be_reached(floors: SampleFloors, enough: bool) -> None:
    assert floors.sample(HOURLY, 30).enough is enough
