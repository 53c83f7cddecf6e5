"""A rival in the shadow: what live scores show, and when they show nothing."""

import numpy as np
import pytest

from echocast.model.verification.live_comparison import ComparisonFloor, compare

TERMS = ComparisonFloor(fewest_blocks=6, fewest_pixels=1000)


def blocks(count: int, rival: tuple[int, int, int], champion: tuple[int, int, int]) -> list:
    return [np.array([rival, champion]) for _ in range(count)]


def test_a_rival_that_hits_more_is_better_and_by_how_much_is_said() -> None:
    found = compare(blocks(8, (60, 20, 20), (50, 30, 20)), TERMS)
    assert (found.blocks, found.pixels, found.better) == (8, 800, False)  # too few pixels
    found = compare(blocks(12, (60, 20, 20), (50, 30, 20)), TERMS)
    assert found.better
    assert found.gain == pytest.approx(0.1)
    assert found.low == found.high == pytest.approx(0.1)  # every block says the same


def test_a_gain_that_other_weather_could_have_made_decides_nothing() -> None:
    mixed = blocks(6, (90, 5, 5), (50, 25, 25)) + blocks(6, (50, 25, 25), (85, 5, 10))
    found = compare(mixed, TERMS)
    assert found.enough
    assert found.gain > 0
    assert found.low < 0 < found.high
    assert not found.better


def test_dry_blocks_are_no_evidence() -> None:
    found = compare(
        blocks(5, (600, 20, 20), (50, 300, 20)) + blocks(90, (0, 0, 0), (0, 0, 0)), TERMS
    )
    assert (found.blocks, found.enough, found.better) == (5, False, False)
    assert compare(blocks(9, (0, 0, 0), (0, 0, 0)), TERMS).gain is None
    assert compare([], TERMS).to_json()["enough"] is False


def test_equal_models_are_not_better() -> None:
    assert not compare(blocks(50, (60, 20, 20), (60, 20, 20)), TERMS).better
