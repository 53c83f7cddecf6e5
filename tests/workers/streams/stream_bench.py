"""A stream on the bench: files and engine without a worker; forecasts are issued by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from echocast.model.forecast import Forecast, ModelIdentity
from echocast.model.formats.forecast_writer import write_forecast
from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray, Grid
from echocast.workers.archive.local_files import LocalFiles
from echocast.workers.engine.client import EngineClient
from echocast.workers.streams.count_sums import CountSums
from echocast.workers.streams.forecast_store import IssuedForecast
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.reindex import recounted, stored
from echocast.workers.streams.scoring import Scorer
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Origin, Stream

START = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
STEP = timedelta(minutes=5)
SIDE = 16
GRID = Grid.of_pixels(SIDE, SIDE)
ALL = TimeSpan(START - timedelta(days=1), START + timedelta(days=2))


def rain(seed: int) -> FloatArray:
    """Rain of all intensities with some missing pixels."""
    random = np.random.default_rng(seed)
    field = random.uniform(0, 65, (SIDE, SIDE)).astype(np.float32)
    field[random.uniform(size=field.shape) < 0.1] = np.nan
    return field


def stream_frame(slot: int, seed: int, *, late: bool = False) -> StreamFrame:
    time = START + slot * STEP
    return StreamFrame.of(time, rain(seed), -32.0, time, late=late, attributes={})


class Bench:
    """A declared stream ``radar`` with its files below a folder."""

    def __init__(
        self, root: Path, engine: EngineClient, name: str = "radar", grid: Grid | None = None
    ) -> None:
        self.name = name
        self.stores = StreamStores.of(LocalFiles(root, free_space_floor_bytes=0))
        self.sums = CountSums(engine)
        self.scorer = Scorer(self.stores, self.sums)
        self.stream, _ = self.stores.streams.declare(Stream(name, 5))
        self.set_origin(grid or GRID)

    def set_origin(self, grid: Grid) -> None:
        self.stores.streams.set_origin(self.stream, Origin(grid, 0.0))

    def put(self, slot: int, seed: int) -> str:
        return self.stores.frames.put(self.name, stream_frame(slot, seed), replace=True)

    def issue(
        self,
        slot: int,
        seed: int = 0,
        leads: int = 3,
        meanwhile: Callable[[], object] = lambda: None,
        roles: tuple[str, ...] = ("model", "canary"),
        lead_sources: tuple[str, ...] = (),
    ) -> IssuedForecast:
        """A forecast of the model from frame ``slot``; something happens while it is written."""
        reference = START + slot * STEP
        times = tuple(reference + STEP * (lead + 1) for lead in range(leads))
        fields = [
            Frames(np.stack([rain(1000 * seed + 10 * k + m) for k in range(leads)]), times, GRID)
            for m in range(3)
        ]
        chances = np.clip(fields[0].reflectivity_dbz[None] / 65, 0, 1)
        forecast = Forecast(
            *fields,
            reference,
            ModelIdentity("fake", "1", ""),
            "",
            exceedance_thresholds_dbz=(30.0,),
            exceedance_probability=chances,
        )
        issued = IssuedForecast(
            hashlib.sha256(f"{slot}".encode()).hexdigest()[:32],
            self.name,
            reference,
            times,
            "fake",
            "1",
            roles,
            {},
            reference,
            lead_sources=lead_sources,
        )

        def write(path: Path) -> None:
            meanwhile()
            write_forecast(forecast, path)

        return self.stores.forecasts.issue(issued, write)

    def score(self, first: int = -300, last: int = 300) -> int:
        return self.scorer.score_span(
            self.name, TimeSpan(START + first * STEP, START + last * STEP)
        )

    def agrees(self) -> bool:
        """Whether sums, stored counts and a recount are the same."""
        truth = recounted(self.stores, self.scorer, self.name)
        in_files = stored(self.stores, self.scorer, self.name)
        assert in_files == truth
        assert self.sums.over(self.name, ALL) == truth
        return bool(truth)
