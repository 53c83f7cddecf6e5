"""Pace: when to look again: soon after an image should be there, ever more rarely while not."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

FIRST_PAUSE: Final = timedelta(seconds=10)
LONGEST_PAUSE: Final = timedelta(minutes=5)
LONGEST_JITTER: Final = timedelta(seconds=20)
LATER: Final = timedelta(hours=1)  # an old image that is not there is asked for so rarely


def growing_pause(waited: timedelta, longest: timedelta = LONGEST_PAUSE) -> timedelta:
    """Half of the time waited so far: asked ever more rarely, however long it takes."""
    return min(max(waited / 2, FIRST_PAUSE), longest)


@dataclass
class Pace:
    """When to look at one source.

    Args:
        step: Between its images.
        latency: From their valid time until they are there.
        chance: Spreads looks, so that not all the world asks at the same second.
    """

    step: timedelta
    latency: timedelta
    chance: random.Random = field(default_factory=random.Random)
    failures: int = 0

    def succeeded(self) -> None:
        """The agency answers."""
        self.failures = 0

    def after_failure(self, now: datetime, retry_after_seconds: float = 0.0) -> datetime:
        """When to look again after the agency failed, once more in a row."""
        pause = min(FIRST_PAUSE * (1 << min(self.failures, 10)), LONGEST_PAUSE)
        self.failures += 1
        pause += pause * 0.2 * self.chance.random()
        return now + max(pause, timedelta(seconds=retry_after_seconds))

    def next_look(self, newest: datetime | None, now: datetime) -> datetime:
        """When to look for the image after the newest.

        Args:
            newest: Valid time of the newest image; None: there was none yet.
            now: The time now.
        """
        if newest is None:
            return now + LONGEST_PAUSE / 5
        due = newest + self.step + self.latency
        missed = max(0, int((now - due) / self.step) + 1) if now >= due else 0
        coming = due + missed * self.step + self._jitter()
        return coming if not missed else min(coming, now + growing_pause(now - due))

    def _jitter(self) -> timedelta:
        return min(self.step / 10, LONGEST_JITTER) * self.chance.random()
