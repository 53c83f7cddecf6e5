"""A backlog never starves the present: the newest frame first, the canary last, others between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from echocast.model.formats.stream_layout import stamp
from echocast.model.verification.frame_statistics import PIXELS
from echocast.workers.jobs.queue import STREAM
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.processing import StreamProcessing
from echocast.workers.streams.reindex import Totals, recounted
from echocast.workers.streams.stream import Origin, Stream
from tests.workers.conftest import World, name_models, until
from tests.workers.fake_nowcaster import noted
from tests.workers.storms import storm
from tests.workers.streams.stream_bench import GRID, START, STEP, stream_frame

EVER = TimeSpan(START - 50 * STEP, START + 50 * STEP)
FILES = 19  # ten of them have the frames for the network


class Backlog:
    """Files that come all at once, while the network stands before a gate."""

    def __init__(self, world: World, folder: Path, **declared: Any) -> None:
        self.world, self.folder = world, folder
        self.processing = StreamProcessing.from_settings(world.settings, 5)
        stores = self.processing.stores
        stream, _ = stores.streams.declare(Stream("radar", 5, **declared))
        stores.streams.set_origin(stream, Origin(GRID, 0))
        stores.streams.canary("radar", "fake/1")

    def put(self, *slots: int) -> None:
        """Frames, then their messages, as the gateway does it."""
        for slot in slots:
            self._store(slot)
        for slot in slots:
            self.processing.publisher.publish(STREAM, f"radar/{stamp(START + slot * STEP)}")

    def _store(self, slot: int) -> None:
        frame = stream_frame(slot, slot)
        header = replace(frame.header, attributes={"fake": f"note:{self.folder}"})
        self.processing.stores.frames.put("radar", replace(frame, header=header), replace=False)

    def launches(self) -> list[tuple[str, datetime]]:
        """Version of the model and reference time of each launch."""
        return noted(self.folder / "launches")

    def served(self) -> list[datetime]:
        issued = self.processing.stores.forecasts.listing("radar", EVER)
        return sorted(one.forecast_reference_time for one in issued if one.served)

    def waits_for_the_network(self, time: datetime) -> bool:
        return time in [noted_time for _, noted_time in noted(self.folder / "prepared")]

    def counted(self) -> Totals:
        """The sums, once they are what a recount gives; a sweep may still ask for a comparison."""
        streams = self.processing
        until(
            lambda: (
                streams.sums.over("radar", EVER)
                == recounted(streams.stores, streams.scorer, "radar")
            )
        )
        return streams.sums.over("radar", EVER)

    def all_at_once(self) -> None:
        """The network is at the first forecast when the other files come, and the newest waits."""
        self.put(*range(10))
        self.world.start_worker()
        until(self.launches)
        self.put(*range(10, FILES))
        until(lambda: self.waits_for_the_network(NEWEST))


NEWEST = START + (FILES - 1) * STEP


@pytest.fixture
def backlog(make_world: Callable[..., World], tmp_path: Path) -> Iterator[Callable[..., Backlog]]:
    made: list[Backlog] = []

    def make(**declared: Any) -> Backlog:
        models = name_models(tmp_path / "models", "fake/2", "fake/1")
        world = make_world(models_dir=models, batch_items=1, stream_sweep_seconds=0.5)
        made.append(Backlog(world, tmp_path, **declared))
        return made[-1]

    yield make
    for one in made:
        one.processing.close()


def test_the_newest_of_many_files_is_forecast_after_two_launches(
    backlog: Callable[..., Backlog],
) -> None:
    many = backlog()
    many.all_at_once()
    ad_hoc = many.world.submit(storm(1, mood=f"note:{many.folder}"), account="somebody").job
    (many.folder / "gate").touch()
    until(lambda: len(many.served()) == FILES)
    until(lambda: len(many.launches()) == 10 + 10 + 1)
    launches = many.launches()
    assert ("2", NEWEST) in launches[:2]
    champions = [place for place, (version, _) in enumerate(launches) if version == "2"]
    canaries = [place for place, (version, _) in enumerate(launches) if version == "1"]
    assert sum(canaries) / len(canaries) > sum(champions) / len(champions)
    assert launches[-1][0] == "1"
    posted = next(place for place, one in enumerate(launches) if one[1] not in many.served())
    assert posted < 8, "a job of a caller waits for no backlog"
    assert many.world.end_of(ad_hoc.id).status == "succeeded"
    until(lambda: many.processing.scorer.pending("radar", EVER).missing == [])
    assert many.counted()[f"0|{PIXELS}"][0] == FILES * GRID.shape[0] * GRID.shape[1], (
        "each frame once"
    )


def test_a_stream_of_the_newest_only_forecasts_no_older_ones(
    backlog: Callable[..., Backlog],
) -> None:
    many = backlog(newest_only=True)
    many.all_at_once()
    (many.folder / "gate").touch()
    until(lambda: NEWEST in many.served())
    until(lambda: many.world.jobs.queue_depth() == 0)
    versions = [version for version, _ in many.launches()]
    assert versions.count("2") <= 5, "what the worker had begun, and the newest"
    frames = many.processing.stores.frames.headers("radar", EVER)
    assert len(frames) == FILES
    many.put(FILES)
    until(lambda: NEWEST + STEP in many.served())
    assert many.counted()[f"0|{PIXELS}"][0] == (FILES + 1) * GRID.shape[0] * GRID.shape[1], (
        "each frame once"
    )
