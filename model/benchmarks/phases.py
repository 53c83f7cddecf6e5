"""How long a nowcast takes phase by phase, without queue, files or HTTP."""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import torch

from model.benchmarks.machine import peak_mib
from model.frames import Frames, Grid
from model.nowcaster import Nowcaster
from model.synthetic import storm


def measure(
    nowcaster: Nowcaster, shape: tuple[int, int], batch: int, repeats: int
) -> dict[str, Any]:
    """Median seconds of each phase on a synthetic storm.

    Args:
        nowcaster: Whose network runs.
        shape: (height, width) of the frames in pixels.
        batch: Forecasts a batch.
        repeats: Timed runs, after one that is not timed.

    Returns:
        Plain JSON values: the form of the steps, seconds per batch and phase, forecasts per second
        of the network alone, peak memory of this process in MiB.
    """
    frames = _frames(shape, nowcaster.input_frames)
    times: dict[str, list[float]] = {"prepare": [], "network": [], "finish": []}
    for _ in range(repeats + 1):
        started = time.perf_counter()
        prepared = nowcaster.prepare(frames)
        ready = time.perf_counter()
        predictions = nowcaster.predict([prepared] * batch)
        predicted = time.perf_counter()
        nowcaster.finish(prepared, predictions[0])
        times["prepare"].append(ready - started)
        times["network"].append(predicted - ready)
        times["finish"].append(time.perf_counter() - predicted)
    seconds = {phase: statistics.median(values[1:]) for phase, values in times.items()}
    return {
        "model": f"{nowcaster.identity.name}/{nowcaster.identity.version}",
        "steps": nowcaster.choice.name,
        "height": shape[0],
        "width": shape[1],
        "batch": batch,
        "threads": torch.get_num_threads(),
        "seconds": seconds,
        "network_forecasts_per_second": batch / seconds["network"],
        "peak_memory_mib": peak_mib(),
    }


def _frames(shape: tuple[int, int], count: int) -> Frames:
    drawn = storm(1, frames=count, height=shape[0], width=shape[1])
    start = datetime(2026, 7, 1, 12, tzinfo=UTC)
    times = [start + timedelta(minutes=5 * k) for k in range(count)]
    return Frames(drawn.reflectivity_dbz, tuple(times), Grid.of_pixels(*shape))
