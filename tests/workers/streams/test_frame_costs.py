"""What one frame of a stream costs a worker, counted: reads, listings, decodes and files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from echocast.model.forecast import ForecastStream
from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.frames import Frames
from echocast.model.registry.history import START as FIRST_ROLES
from echocast.model.registry.history import History
from echocast.model.registry.storage import Folder
from echocast.workers.archive import remembered
from echocast.workers.archive.remembered import HOURS
from echocast.workers.jobs.job import Job
from echocast.workers.jobs.queue import STREAM
from echocast.workers.streams.paths import TimeSpan
from echocast.workers.streams.processing import StreamProcessing
from echocast.workers.streams.stream import Origin, Stream
from tests.workers.conftest import World, name_models
from tests.workers.fake_nowcaster import FakeNowcaster
from tests.workers.streams.stream_bench import GRID, START, STEP, stream_frame

FRAMES_BEFORE = 12
EVER = TimeSpan(START - 50 * STEP, START + 50 * STEP)
ROLES = {"champion": "fake/2", "canary": "fake/1"}


@pytest.fixture
def processing(make_world: Callable[..., World], tmp_path: Path) -> Any:
    """A worker's part for streams, without its process; model and canary differ."""
    name_models(tmp_path, "fake/1", "fake/2")
    History(Folder(tmp_path)).append(FIRST_ROLES, "me", "For a test.", aliases=ROLES)
    processing = StreamProcessing.from_settings(make_world(models_dir=tmp_path).settings, 5)
    stream, _ = processing.stores.streams.declare(Stream("radar", 5))
    processing.stores.streams.set_origin(stream, Origin(GRID, 0))
    yield processing
    processing.close()


def process(processing: StreamProcessing, slot: int) -> None:
    """A frame comes, and the nowcasts that it asks for are made."""
    time = START + slot * STEP
    processing.stores.frames.put("radar", stream_frame(slot, seed=slot), replace=False)
    processing.process_frame("radar", time, "worker")
    for job in jobs_of(processing, time):
        inputs = processing.forecasting.inputs(job, 10, 10)
        whole = inputs.without_network
        forecast = whole.stream() if whole else by_network(job, inputs.frames)
        processing.issue(job, forecast)


def by_network(job: Job, frames: Frames) -> ForecastStream:
    network = FakeNowcaster(job.model)
    return network.stream(network.prepare(frames), frames.reflectivity_dbz[-1])


def jobs_of(processing: StreamProcessing, time: Any) -> list[Job]:
    keys = processing.engine.redis.scan_iter("echocast:job:*")
    jobs = [processing.jobs.get(key.rpartition(":")[2]) for key in keys]
    return [job for job in jobs if job and job.forecast_reference_time == time]


@pytest.fixture
def costs(processing: StreamProcessing, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What is counted while a test runs."""
    counter: Counter[str] = Counter()

    def counting(owner: Any, name: str, cost: str) -> None:
        method = getattr(owner, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            counter[cost] += 1
            if cost in ("read", "written"):
                counter[f"{kind(arguments[0])} {cost}"] += 1
            return method(*arguments, **named)

        monkeypatch.setattr(owner, name, counted)

    files = processing.stores.files
    counting(files, "get", "read")
    counting(files, "put", "written")
    counting(files, "create", "written")
    counting(files, "listing", "listed")
    counting(files, "folders", "listed")
    counting(processing.stores.forecasts, "local_file", "forecast files opened")
    counting(StreamFrame, "from_bytes", "frames decoded")
    counting(Folder, "names", "looks at the registry")
    return counter


def kind(path: str) -> str:
    """``frames``, ``forecasts`` and so on; declarations by their own names."""
    root, _, rest = path.partition("/")
    return rest.rpartition("/")[2] if root == "streams" else root


def test_costs_of_a_frame(processing: StreamProcessing, costs: Counter[str]) -> None:
    for slot in range(FRAMES_BEFORE):
        process(processing, slot)
    costs.clear()
    process(processing, FRAMES_BEFORE)
    assert costs["read"] + costs["forecast files opened"] <= 25
    assert costs["listed"] <= 33  # two of them: the frames that it is compared with, of two days
    assert costs["frames decoded"] <= 4  # the new one among them
    assert costs["looks at the registry"] == 1
    assert costs["origin.json read"] + costs["stream.json read"] <= 1
    assert costs["counts written"] == 1
    issued = processing.stores.forecasts.listing("radar", EVER)
    assert len(issued) == FRAMES_BEFORE + 1 + 4  # from the tenth frame on, two of each


def test_a_sweep_reads_what_came_since_the_last_one(
    processing: StreamProcessing, costs: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1e9]
    monkeypatch.setattr(remembered, "now", lambda: clock[0])
    for slot in range(FRAMES_BEFORE):
        process(processing, slot)
    processing.engine.redis.delete(STREAM)
    processing.sweep()
    costs.clear()
    processing.sweep()
    assert costs["read"] == 0
    clock[0] += HOURS * 3600
    processing.sweep()
    read = {kind: costs[f"{kind} read"] for kind in ("frames", "forecasts")}
    assert read == {"frames": 12, "forecasts": 12 + 3}  # all anew
