"""``python -m benchmarks disk``: what a stream takes of disk and memory, by its grid.

A stream is filled as workers fill it: a storm's frames are stored, a forecast is issued from the
first ten and counted at those after them, and images of all are made for maps. From the sizes of
these files follow those of a day, and of the images, of which there are always as many.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from echocast.model.formats.forecast_writer import write_forecast_stream
from echocast.model.formats.stream_frame import StreamFrame
from echocast.model.frames import Frames
from echocast.model.grid import Grid
from echocast.model.nowcaster import Nowcaster
from echocast.model.synthetic.storms import storm
from echocast.model.verification.counts import CANARY, MODEL
from echocast.model.verification.frame_statistics import OBSERVED
from echocast.workers.archive.local_files import LocalFiles
from echocast.workers.engine.client import EngineClient
from echocast.workers.streams.count_sums import CountSums
from echocast.workers.streams.forecast_store import IssuedForecast
from echocast.workers.streams.image_store import KINDS, ImageStore
from echocast.workers.streams.images import FORECASTS, SHOWN, StreamImages
from echocast.workers.streams.paths import encoded
from echocast.workers.streams.reindex import recount
from echocast.workers.streams.scoring import Scorer
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import USUAL_STORAGE, Origin, Stream

SHAPES = ((64, 64), (256, 256), (512, 512), (700, 700), (1024, 1024), (1536, 1536))
STEP_MINUTES = 5
FRAMES_A_DAY = 24 * 60 // STEP_MINUTES
STREAM = "benchmark"
NOBODY = "redis://127.0.0.1:1/0"  # a recount asks no engine
COLUMNS = (
    "grid",
    "frame, MB",
    "forecast, MB",
    "counts of a frame, kB",
    "images, MB",
    "GB a day",
    "memory, GB",
)


def measure(directory: Path, shape: tuple[int, int]) -> dict[str, Any]:
    """One row, in a process of its own: its memory is that of one forecast.

    Args:
        directory: Of the model.
        shape: Pixels (height, width).
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measured, directory, shape).result()


def cells(row: dict[str, Any]) -> Sequence[object]:
    """A row as it stands in the table."""
    height, width = row["shape"]
    return (
        f"{height} x {width}",
        f"{row['frame_bytes'] / 1e6:.2f}",
        f"{row['forecast_bytes'] / 1e6:.2f}",
        f"{row['counts_bytes'] / 1e3:.0f}",
        f"{row['images_bytes'] / 1e6:.1f}",
        f"{row['day_bytes'] / 1e9:.2f}",
        f"{row['memory_bytes'] / 1e9:.1f}",
    )


def _measured(directory: Path, shape: tuple[int, int]) -> dict[str, Any]:
    nowcaster = Nowcaster.load(directory)
    count = nowcaster.input_frames + nowcaster.output_frames
    drawn = storm(1, frames=count, height=shape[0], width=shape[1], step_minutes=STEP_MINUTES)
    frames = replace(drawn, grid=_on_earth(shape))
    with tempfile.TemporaryDirectory(prefix="ec-") as name:
        root = Path(name)
        stores = StreamStores.of(LocalFiles(root, free_space_floor_bytes=0))
        stream, _ = stores.streams.declare(Stream(STREAM, STEP_MINUTES))
        stores.streams.set_origin(stream, Origin(frames.grid, 0.0))
        _store(stores, frames)
        _issue(stores, nowcaster, frames[: nowcaster.input_frames])
        sizes = {
            "frame_bytes": _bytes_in(root / "frames") / count,
            "forecast_bytes": _bytes_in(root / "forecasts"),
            "counts_bytes": _counts_bytes(stores),
        }
        memory_bytes = _peak_bytes()  # of a forecast
        images_bytes = _images_bytes(stores)
    day = FRAMES_A_DAY * sum(sizes.values())
    whole = {"day_bytes": day, "images_bytes": images_bytes, "memory_bytes": memory_bytes}
    return {"shape": shape, **sizes, **whole}


def _on_earth(shape: tuple[int, int]) -> Grid:
    """A place for maps: pixels of a hundredth of a degree, about a kilometre."""
    rows, columns = (np.arange(count, dtype=np.float64) / 100 for count in shape)
    return Grid(50 - rows, 8 + columns, "degree")


def _images_bytes(stores: StreamStores) -> float:
    """Bytes of the images of two hours of frames, and of two forecasts."""
    images = ImageStore(stores.files)
    making = StreamImages(stores, images)
    making.update_observed(STREAM)
    making.update_forecasts(STREAM)
    making.update_differences(STREAM)
    observed, forecast, difference = (
        fmean(images.local_file(one).stat().st_size for one in images.listing(STREAM, kind))
        for kind in KINDS
    )
    frames = SHOWN / timedelta(minutes=STEP_MINUTES) + 1
    return frames * (observed + difference) + FORECASTS * forecast


def _store(stores: StreamStores, frames: Frames) -> None:
    for time, values in zip(frames.times, frames.reflectivity_dbz, strict=True):
        frame = StreamFrame.of(time, values, frames.no_rain_dbz, time, late=False, attributes={})
        stores.frames.put(STREAM, frame, replace=False)


def _issue(stores: StreamStores, nowcaster: Nowcaster, frames: Frames) -> None:
    """Issue a forecast that is the champion's and, as at first, the canary's."""
    prepared = nowcaster.prepare(frames)
    (prediction,) = nowcaster.predict([prepared])
    forecast = nowcaster.stream(prepared, prediction)
    issued = IssuedForecast(
        id="0" * 32,
        stream=STREAM,
        forecast_reference_time=frames.times[-1],
        valid_times=tuple(forecast.valid_times),
        model_name=nowcaster.identity.name,
        model_version=nowcaster.identity.version,
        roles=(MODEL, CANARY),
        quality={},
        issued=frames.times[-1],
    )
    write = partial(write_forecast_stream, forecast, storage=USUAL_STORAGE)
    stores.forecasts.issue(issued, write)


def _counts_bytes(stores: StreamStores) -> int:
    """Bytes of a frame's counts: of itself, and of every lead time of a forecast once."""
    scorer = Scorer(stores, CountSums(EngineClient(NOBODY, 0)))
    counts = list(recount(stores, scorer, STREAM))
    (_, observed), *_ = [one for one in counts if one[0].forecast_id == OBSERVED]
    forecasts = [one for key, one in counts if key.forecast_id != OBSERVED]
    by_forecast = {f"{number:032}": one for number, one in enumerate(forecasts)}
    return len(encoded({**by_forecast, OBSERVED: observed}))


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _peak_bytes() -> int:
    """The most memory that this process had."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
