"""A candidate in the shadow: what live scores show, and when they show nothing."""

import numpy as np
import pytest

from echocast.model.verification.live_comparison import ComparisonFloor, compare

FLOOR = ComparisonFloor(fewest_blocks=6, fewest_pixels=1000)


def blocks(count: int, candidate: tuple[int, int, int], champion: tuple[int, int, int]) -> list:
    return [np.array([candidate, champion]) for _ in range(count)]


def test_a_candidate_that_hits_more_is_better_and_by_how_much_is_said() -> None:
    result = compare(blocks(8, (60, 20, 20), (50, 30, 20)), FLOOR)
    assert (result.blocks, result.pixels, result.better) == (8, 800, False)  # too few pixels
    result = compare(blocks(12, (60, 20, 20), (50, 30, 20)), FLOOR)
    assert result.better
    assert result.gain == pytest.approx(0.1)
    assert result.low == result.high == pytest.approx(0.1)  # every block says the same


def test_a_gain_that_other_weather_could_have_made_decides_nothing() -> None:
    mixed = blocks(6, (90, 5, 5), (50, 25, 25)) + blocks(6, (50, 25, 25), (85, 5, 10))
    result = compare(mixed, FLOOR)
    assert result.enough
    assert result.gain > 0
    assert result.low < 0 < result.high
    assert not result.better


def test_dry_blocks_are_no_evidence() -> None:
    result = compare(
        blocks(5, (600, 20, 20), (50, 300, 20)) + blocks(90, (0, 0, 0), (0, 0, 0)), FLOOR
    )
    assert (result.blocks, result.enough, result.better) == (5, False, False)
    assert compare(blocks(9, (0, 0, 0), (0, 0, 0)), FLOOR).gain is None
    assert compare([], FLOOR).to_json()["enough"] is False


def test_equal_models_are_not_better() -> None:
    assert not compare(blocks(50, (60, 20, 20), (60, 20, 20)), FLOOR).better
