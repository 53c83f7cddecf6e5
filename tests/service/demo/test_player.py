"""The storm of ``up --demo``: one storm without end, and a player that sends it as a radar does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from echocast.model.frames import Frames
from echocast.model.sequence.plausibility import examine
from echocast.service.client.feed import Feeder
from echocast.service.demo import endless_storm
from echocast.service.demo.endless_storm import STEP, image_at, slots
from echocast.service.demo.player import BACK, SOURCE, STREAM, play
from tests.service.real_processes import Gateway

CHANGE = datetime(2026, 6, 1, 8, tzinfo=UTC)  # when a storm comes up and another one ends


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(endless_storm, "SIDE", 96)
    monkeypatch.setattr(endless_storm, "COVERAGE_KM", 46.0)
    endless_storm._storm.cache_clear()
    yield
    endless_storm._storm.cache_clear()


def test_the_image_of_a_time_is_always_the_same() -> None:
    first = image_at(CHANGE)
    endless_storm._storm.cache_clear()
    again = image_at(CHANGE)
    assert np.array_equal(first.reflectivity_dbz, again.reflectivity_dbz, equal_nan=True)
    assert first.times == (CHANGE,)


def test_rain_goes_on_where_one_storm_follows_another() -> None:
    images = [image_at(CHANGE + STEP * step) for step in range(-5, 6)]
    values = np.concatenate([image.reflectivity_dbz for image in images])
    times = tuple(image.times[0] for image in images)
    assert len(examine(Frames(values, times, images[0].grid, -32.0)).believed) == len(images)
    assert (np.nanmax(values, axis=(1, 2)) > 20).all()


def test_slots_are_the_newest_steps_of_the_clock() -> None:
    assert slots(CHANGE + timedelta(minutes=4, seconds=59), 2) == [CHANGE - STEP, CHANGE]


def test_the_player_sends_what_was_first_and_then_each_new_image(door: Gateway) -> None:
    stop, clock = threading.Event(), iter([CHANGE, CHANGE, CHANGE + STEP])
    sent: list[datetime] = []

    class Noting(Feeder):
        def send(self, frames: Frames, *, replace: bool = False) -> dict[str, Any]:
            sent.extend(frames.times)
            if frames.times[0] > CHANGE:
                stop.set()
            return super().send(frames, replace=replace)

    play(Noting(door.client, STREAM), stop, lambda: next(clock), look_seconds=0.0)
    assert sent == [CHANGE - STEP * back for back in range(BACK - 1, -2, -1)]
    view = door.client.get(f"/streams/{STREAM}").json()
    assert view["source"] == SOURCE
    assert datetime.fromisoformat(view["newest_frame"]) == CHANGE + STEP
