"""A storm that never ends: what ``echocast up --demo`` shows where no radar is.

Storms of four hours, each drawn from its own seed, follow each other: every two hours one comes up
while the one before it dies away, by less than real rain does between two images. The image of a
time is always the same, so that a player that is started again goes on.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

import numpy as np

from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.synthetic.storms import NO_RAIN_DBZ, WEAKEST_ECHO_DBZ, storm

STEP: Final = timedelta(minutes=5)
BEGINS_EVERY: Final = timedelta(hours=2)
LASTS: Final = timedelta(hours=4)
FADES: Final = timedelta(hours=1)  # in which a storm comes up, and in which it dies away
FAINTER_DB: Final = 30.0  # than at its best, at either end
SIDE: Final = 256  # pixels of 1 km
COVERAGE_KM: Final = 124.0


def image_at(time: datetime) -> Frames:
    """The one image of a time; both storms of that time, whichever is stronger at each pixel.

    Args:
        time: Valid time, UTC, a whole number of steps since 1970.
    """
    newest = int(time.timestamp() // BEGINS_EVERY.total_seconds())
    shown = [_faded(number, time) for number in (newest - 1, newest)]
    values = np.maximum(*shown)
    frame = _storm(newest)[:1]
    return Frames(
        values[None], (time,), frame.grid, NO_RAIN_DBZ, {**frame.attributes, "comment": "demo"}
    )


def slots(now: datetime, count: int) -> list[datetime]:
    """The times of the newest images, oldest first."""
    seconds = STEP.total_seconds()
    newest = datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)
    return [newest - STEP * back for back in reversed(range(count))]


def _faded(number: int, time: datetime) -> FloatArray:
    """The storm of a number at a time, fainter near its begin and end; NaN where nobody looks."""
    age = time - _begin(number)
    share = max(0.0, min(1.0, age / FADES, (LASTS - age) / FADES))
    values: FloatArray = _storm(number).reflectivity_dbz[int(age / STEP)].copy()
    values -= np.float32(FAINTER_DB * (1 - share))
    values[values < WEAKEST_ECHO_DBZ] = NO_RAIN_DBZ
    return values


@lru_cache(maxsize=3)
def _storm(number: int) -> Frames:
    return storm(
        number,
        frames=int(LASTS / STEP),
        height=SIDE,
        width=SIDE,
        step_minutes=STEP.total_seconds() / 60,
        coverage_radius_km=COVERAGE_KM,
        start=_begin(number),
    )


def _begin(number: int) -> datetime:
    return datetime.fromtimestamp(number * BEGINS_EVERY.total_seconds(), UTC)
