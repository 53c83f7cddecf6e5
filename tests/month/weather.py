"""Weather without an end: synthetic rain that comes, passes and leaves dry hours between.

Every episode is a synthetic storm that grows over three hours and dies over three; the next may
begin before it is over. The same seed gives the same weather, from any time on.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np

from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.synthetic.storms import NO_RAIN_DBZ, WEAKEST_ECHO_DBZ, storm

PIXEL_KM = 4.0
LONGEST, SHORTEST = timedelta(hours=14), timedelta(hours=6)
EVERY = timedelta(hours=9)  # an episode begins
GROWTH = timedelta(hours=3)
ABSENT_DB = 40.0  # below what it becomes, when an episode begins and ends


class Weather:
    """What a radar shows of a region.

    Args:
        seed: Another seed is another region.
        start: When the first episode begins.
        side: Pixels a side.
        step: Between frames.
    """

    def __init__(self, seed: int, start: datetime, side: int, step: timedelta) -> None:
        self.seed, self.start, self.side, self.step = seed, start, side, step
        self._episode = lru_cache(4)(self._drawn)

    def frame(self, time: datetime) -> Frames:
        """The frame that is valid at a time."""
        values = list(self._values(time))
        empty = self._episode(0)[1][:1]
        dbz = np.maximum.reduce(values) if values else np.full_like(empty.reflectivity_dbz, -32)
        return empty.with_values(np.where(dbz < WEAKEST_ECHO_DBZ, NO_RAIN_DBZ, dbz), [time])

    def _values(self, time: datetime) -> Iterator[FloatArray]:
        """Of each episode that lasts at a time, (1, y, x) in dBZ."""
        newest = (time - self.start) // EVERY
        for number in range(max(0, newest - 1), newest + 1):
            begin, drawn = self._episode(number)
            index = (time - begin) // self.step
            if 0 <= index < len(drawn):
                age, left = index * self.step, (len(drawn) - 1 - index) * self.step
                share = min(age / GROWTH, left / GROWTH, 1.0)
                yield drawn.reflectivity_dbz[index : index + 1] - np.float32(
                    ABSENT_DB * (1 - share)
                )

    def _drawn(self, number: int) -> tuple[datetime, Frames]:
        """When an episode begins, and all its frames."""
        chance = random.Random(f"{self.seed}/{number}")
        begin = self.start + number * EVERY
        hours = SHORTEST + chance.random() * (LONGEST - SHORTEST)
        return begin, storm(
            chance.getrandbits(32),
            frames=hours // self.step,
            height=self.side,
            width=self.side,
            step_minutes=self.step.total_seconds() / 60,
            pixel_km=PIXEL_KM,
            start=begin,
        )
