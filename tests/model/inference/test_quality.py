"""What lies beyond the network's training is said with the forecast."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.inference.preprocessing import prepare
from echocast.model.inference.quality import quality
from echocast.model.network.config import RADAR_SMALL

START = datetime(2026, 7, 1, 12, tzinfo=UTC)


def notes(pixel_km: float | None, minutes: float, leads: int = 10) -> dict[str, str]:
    grid = Grid.of_pixels(32, 32) if pixel_km is None else Grid.of_squares(32, 32, pixel_km)
    values = np.random.default_rng(1).uniform(0, 40, (10, 32, 32)).astype(np.float32)
    times = tuple(START + k * timedelta(minutes=minutes) for k in range(10))
    frames = Frames(values, times, grid, notes={"codes": "255 was read as missing."})
    return quality(prepare(frames, RADAR_SMALL), RADAR_SMALL, leads)


def test_input_like_that_of_training_has_only_its_own_notes() -> None:
    assert notes(1.0, 5) == {"codes": "255 was read as missing."}
    assert notes(0.98, 6) == {"codes": "255 was read as missing."}  # a nominal kilometre


@pytest.mark.parametrize(
    ("pixel_km", "minutes", "sentence"),
    [
        (0.5, 5, "Pixels of 0.5 km: training had 1 to 2."),
        (4.0, 5, "Pixels of 4 km: training had 1 to 2."),
        (1.0, 10, "Leads to 100 minutes: training had them to 60."),
        (1.0, 1, "Time steps of 1 minutes: training had 2 to 15."),
    ],
)
def test_input_beyond_training_is_named(pixel_km: float, minutes: float, sentence: str) -> None:
    assert sentence in notes(pixel_km, minutes)["beyond_training"]


def test_an_assumed_pixel_is_named() -> None:
    assert "assumed" in notes(None, 5)["pixel_size"]
