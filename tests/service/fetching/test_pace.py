"""When a source is looked at again, as worked examples and laws."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from echocast.service.fetching.pace import LONGEST_PAUSE, Pace

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
STEP, LATENCY = timedelta(minutes=5), timedelta(minutes=7)


@pytest.fixture
def pace() -> Pace:
    return Pace(STEP, LATENCY, random.Random(1))


def test_the_next_image_is_looked_for_when_it_should_be_there(pace: Pace) -> None:
    """The image of 12:05 is there at 12:12; not all the world asks at the same second."""
    looks = {pace.next_look(NOON, NOON + timedelta(minutes=8)) for _ in range(50)}
    due = NOON + STEP + LATENCY
    assert due <= min(looks) < max(looks) <= due + timedelta(seconds=20)


def test_an_image_that_is_not_there_is_looked_for_ever_more_rarely_but_each_step(
    pace: Pace,
) -> None:
    due = now = NOON + STEP + LATENCY
    looks = [now]
    while now < due + timedelta(hours=3):
        now = pace.next_look(NOON, now)
        looks.append(now)
    pauses = [later - earlier for earlier, later in pairwise(looks)]
    assert pauses[0] == timedelta(seconds=10)
    assert max(pauses) <= LONGEST_PAUSE
    assert len(looks) < 12 + 2 * 36  # at most two looks a step, once it is long late


def test_failures_double_the_pause_and_a_success_ends_that(pace: Pace) -> None:
    pauses = [(pace.after_failure(NOON) - NOON).total_seconds() for _ in range(8)]
    assert 10 <= pauses[0] <= 12
    assert all(earlier < later for earlier, later in pairwise(pauses[:5]))
    assert 300 <= pauses[-1] <= 360
    pace.succeeded()
    assert pace.after_failure(NOON) - NOON <= timedelta(seconds=12)


def test_an_agency_that_says_when_is_asked_then(pace: Pace) -> None:
    assert pace.after_failure(NOON, 1800) == NOON + timedelta(minutes=30)
