"""Coasts and borders are where they are on earth."""

from __future__ import annotations

import numpy as np
import pytest

from echocast.model.place.earth import distance_km
from echocast.model.place.world_lines import FINEST_STEP, Lines, world_lines

COASTS = {  # latitude and longitude of points at the sea
    "Land's End": (50.07, -5.72),
    "Cape Finisterre": (42.88, -9.27),
    "Cape Agulhas": (-34.83, 20.0),
    "Nordkapp": (71.17, 25.78),
    "Cape Dezhnev, across the date line": (66.08, -169.65),
}
BORDERS = {
    "Basel, where three countries meet": (47.59, 7.59),
    "the Great Saint Bernard": (45.87, 7.17),
    "49 degrees north, far from where two points of it lie": (49.0, -101.3),
}


def nearest_km(lines: Lines, place: tuple[float, float]) -> float:
    return float(np.nanmin(distance_km(lines, np.array(place)[:, None])))


@pytest.mark.parametrize("name", COASTS)
def test_known_points_at_the_sea_are_coast_and_no_border(name: str) -> None:
    assert nearest_km(world_lines().coasts, COASTS[name]) < 9
    assert nearest_km(world_lines().borders, COASTS[name]) > 50


@pytest.mark.parametrize("name", BORDERS)
def test_known_points_between_countries_are_border_and_no_coast(name: str) -> None:
    assert nearest_km(world_lines().borders, BORDERS[name]) < 12
    assert nearest_km(world_lines().coasts, BORDERS[name]) > 50


def test_no_point_is_far_from_the_one_before_it() -> None:
    for lines in (world_lines().coasts, world_lines().borders):
        assert np.nanmax(abs(np.diff(lines))) <= FINEST_STEP + 1e-9
        assert lines.shape[1] > 10_000
