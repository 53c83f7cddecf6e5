"""The first stage: what the archive holds, which events are for what, and the training windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from echocast.model.errors import InputError
from echocast.model.grid import DEFAULT_PIXEL_KM
from echocast.model.network.config import NetworkConfig
from echocast.model.retraining.config import RetrainingConfig
from echocast.model.retraining.continuity import Discontinuity, Segment, segments, summarise_frames
from echocast.model.retraining.events import Event, events
from echocast.model.retraining.frame_archive import FrameArchive
from echocast.model.retraining.paired_forecasts import ForecastCase
from echocast.model.retraining.split import Split, split
from echocast.model.training.window_plan import Window as TrainingWindow
from echocast.model.training.windows import (
    CropConfig,
    WindowInfo,
    WindowStore,
    clean,
    extract_crops,
)


def find_frames(archive: FrameArchive, streams: Sequence[str]) -> None:
    """Demand that there are frames to retrain from.

    Args:
        archive: The frames.
        streams: Names; empty for all that the archive holds.

    Raises:
        InputError: The archive holds none of a stream.
    """
    for stream in streams or archive.streams():
        if not archive.times(stream):
            raise InputError(f"The archive {archive.url} holds no frames of a stream {stream!r}.")


def collect(
    archive: FrameArchive,
    config: RetrainingConfig,
    network: NetworkConfig,
    windows: Path,
    bar: Progress,
) -> dict[str, Any]:
    """Survey the archive, split its events, and extract the training windows.

    Args:
        archive: The frames.
        config: Of the retraining.
        network: What will be trained.
        windows: Folder to write the training windows to.
        bar: Shows how far it is.

    Returns:
        ``streams``, ``breaks``, ``split``, ``missing`` and ``windows``: how many of each event.
    """
    everywhere, discontinuities, streams = list[Segment](), list[Discontinuity](), {}
    for stream in config.streams or archive.streams():
        here, ends = _segments(archive, stream, config, bar)
        frames = sum(len(segment.summaries) for segment in here)
        streams[stream] = {"frames": frames, "runs": len(here)}
        everywhere += here
        discontinuities += ends
    parts = split(events(everywhere, config.rules), config)
    missing = parts.missing(config)
    cuttings = [] if missing else _cut_all(archive, parts, config, network, bar)
    if cuttings:
        WindowStore.save(windows, cuttings)
    elif not missing:
        missing = {"training_windows": 1}
    return {
        "streams": streams,
        "breaks": [{**vars(end), "time": end.time.isoformat()} for end in discontinuities],
        "split": parts.to_json(),
        "missing": missing,
        "windows": Counter(info.event for _, info in cuttings),
    }


def _segments(
    archive: FrameArchive, stream: str, config: RetrainingConfig, bar: Progress
) -> tuple[list[Segment], list[Discontinuity]]:
    """The segments of a stream, those on another grid than the stream's left out."""
    times = archive.times(stream)
    oldest = times[-1] - timedelta(days=config.days) if times else None
    times = [time for time in times if oldest and time >= oldest]
    task = bar.add_task(f"frames of {stream}", total=len(times))
    surveyed = []
    for item in summarise_frames(archive, stream, times):
        surveyed.append(item)
        bar.advance(task)
    complete, discontinuities = segments(stream, surveyed)
    height, width = archive.grid(stream).shape
    grid = ("grid", f"{height} x {width}")
    on_grid = [segment for segment in complete if grid in segment.summaries[0].product]
    return on_grid, discontinuities


def event_cases(
    archive: FrameArchive, event: Event, inputs: int, outputs: int, stride: int
) -> Iterator[ForecastCase]:
    """Inputs and observations of every start of an event, read as they are needed."""
    length = inputs + outputs
    for start in range(0, len(event.times) - length + 1, stride):
        frames = archive.frames(event.stream, event.times[start : start + length])
        yield frames[:inputs], frames[inputs:]


def _cut_all(
    archive: FrameArchive,
    parts: Split,
    config: RetrainingConfig,
    network: NetworkConfig,
    bar: Progress,
) -> list[TrainingWindow]:
    """Windows of all training events, as many of each as there is room for."""
    random = np.random.default_rng(config.seed)
    grids = [archive.grid(event.stream).shape for event in parts.training]
    size = min([config.crop, *(side for grid in grids for side in grid)])
    size -= size % network.patch  # the grid's side need not be a multiple
    room = max(1, config.windows // len(parts.training))
    task = bar.add_task("windows", total=len(parts.training))
    windows = list[TrainingWindow]()
    for event in parts.training:
        windows += _extracted(archive, event, config, network, (size, room), random)
        bar.advance(task)
    return windows


def _extracted(
    archive: FrameArchive,
    event: Event,
    config: RetrainingConfig,
    network: NetworkConfig,
    sizes: tuple[int, int],
    random: np.random.Generator,
) -> Sequence[TrainingWindow]:
    (size, room), inputs, crop = sizes, network.input_frames, CropConfig.of(network)
    outputs = config.rules.window_frames - inputs
    pixel_km = archive.grid(event.stream).pixel_size_km or DEFAULT_PIXEL_KM
    facts = event.name, event.step_minutes, pixel_km, inputs, outputs
    info = WindowInfo(*facts, crop.coordinates, crop.base)
    windows = list[TrainingWindow]()
    for before, after in event_cases(archive, event, inputs, outputs, config.stride):
        frames = clean(np.concatenate([before.reflectivity_dbz, after.reflectivity_dbz]))
        crops = extract_crops(frames, inputs, config.crops, size, random, crop)
        windows += [(counts, info) for counts in crops]
    if len(windows) <= room:
        return windows
    return [windows[k] for k in sorted(random.choice(len(windows), size=room, replace=False))]
