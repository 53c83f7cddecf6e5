"""Small frames for tests, and requests for them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.workers.archive.archive import Archive
from echocast.workers.jobs.job import JobRequest

START = datetime(2026, 7, 1, 12, tzinfo=UTC)
STEP = timedelta(minutes=5)


def storm(
    seed: int = 0, *, frames: int = 10, first: int = 0, size: int = 16, mood: str = ""
) -> Frames:
    """Still rain that differs by seed; ``first`` counts steps after the start."""
    field = np.random.default_rng(seed).uniform(0, 60, (size, size)).round(1)
    values = np.repeat(field[None], frames, axis=0).astype(np.float32)
    times = [START + STEP * (first + k) for k in range(frames)]
    attributes = {"fake": mood} if mood else {}
    return Frames(values, tuple(times), Grid.of_pixels(size, size), attributes=attributes)


def request(archive: Archive, frames: Frames, **fields: Any) -> JobRequest:
    """A request for the forecast of frames, which are put into the archive."""
    return JobRequest(
        input_sha=archive.put_frames(frames),
        forecast_reference_time=frames.times[-1],
        model_name=fields.pop("model_name", "fake"),
        model_version=fields.pop("model_version", "1"),
        shape=frames.reflectivity_dbz.shape,
        **fields,
    )
