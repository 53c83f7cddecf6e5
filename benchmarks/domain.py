"""A whole nowcast against the size of the domain and against how much of it is wet."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import torch
from numpy.typing import NDArray

from echocast.model.contract import InputContract, split
from echocast.model.errors import EchocastError
from echocast.model.formats.readers import read_frames
from echocast.model.frames import Frames
from echocast.model.inference.preprocessing import reach
from echocast.model.inference.tiling import skipped_share
from echocast.model.network.config import RADAR
from echocast.model.nowcaster import Nowcaster
from echocast.model.synthetic.storms import storm

SHAPES = ((128, 128), (256, 256), (512, 512), (640, 710), (1226, 760))
WET_SHAPE = (512, 512)
WET_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the columns that keep their rain
WET_DBZ = 5.0
SPROG_LEVELS = 6
SPROG_DRY_DBZ = -15.0


class DomainCase(NamedTuple):
    """A row of the table: a name, and how to get its frames."""

    name: str
    frames: Callable[[], Frames]


def of_files(files: Sequence[Path]) -> list[DomainCase]:
    """The middle of radar events."""
    return [DomainCase(file.stem, partial(_middle, file)) for file in files]


def against_pixels(shapes: Sequence[tuple[int, int]]) -> list[DomainCase]:
    """Storms on domains of several sizes, (height, width)."""
    return [DomainCase(f"storm {h} x {w}", partial(_storm, (h, w))) for h, w in shapes]


def against_wet_share(shape: tuple[int, int]) -> list[DomainCase]:
    """One storm of which more and more columns are wet."""
    return [
        DomainCase(f"{share:.0%} of the columns", partial(_wet, shape, share))
        for share in WET_SHARES
    ]


def _middle(file: Path) -> Frames:
    frames = read_frames([file])
    return split(frames, RADAR.input_frames, InputContract(), frames.times[len(frames) // 2])[0]


def _wet(shape: tuple[int, int], share: float) -> Frames:
    frames = _storm(shape)
    values = frames.reflectivity_dbz.copy()
    values[:, :, round(share * shape[1]) :] = frames.no_rain_dbz
    return frames.with_values(values, frames.times)


def measure(
    nowcaster: Nowcaster, frames: Frames, name: str, *, repeats: int = 1, pysteps: bool = False
) -> dict[str, Any]:
    """One row: median seconds of the phases, and of pysteps' S-PROG taking turns with ours.

    Beside the seconds on the clock stand those of the processor, over all threads: on a busy
    machine they are what can be compared.
    """
    seconds: dict[str, list[float]] = {}
    processor: dict[str, list[float]] = {}

    def timed(phase: str, call: Callable[..., Any], *arguments: Any) -> Any:
        started, worked = time.perf_counter(), time.process_time()
        result = call(*arguments)
        seconds.setdefault(phase, []).append(time.perf_counter() - started)
        processor.setdefault(phase, []).append(time.process_time() - worked)
        return result

    for _ in range(repeats):
        prepared = timed("prepare", nowcaster.prepare, frames)
        (prediction,) = timed("network", nowcaster.predict, [prepared])
        timed("finish", nowcaster.finish, prepared, prediction)
        del prediction
        if pysteps:
            timed("sprog", sprog, frames)
    near = reach(prepared, nowcaster.config)
    row: dict[str, Any] = {
        "name": name,
        "height": frames.reflectivity_dbz.shape[1],
        "width": frames.reflectivity_dbz.shape[2],
        "repeats": repeats,
        "wet_share": float((prepared.newest_dbz >= WET_DBZ).mean()),
        "skipped_share": skipped_share(torch.from_numpy(near[None]), nowcaster.config.patch),
        "seconds": _medians(seconds),
        "processor_seconds": _medians(processor),
    }
    return row


def _medians(times: Mapping[str, list[float]]) -> dict[str, float]:
    """Per phase, and of a whole nowcast."""
    medians = {phase: statistics.median(values) for phase, values in times.items()}
    return {**medians, "nowcast": sum(medians[p] for p in ("prepare", "network", "finish"))}


def sprog(frames: Frames) -> NDArray[np.float32]:
    """S-PROG of pysteps with Lucas-Kanade motion, as its documentation does it.

    Raises:
        EchocastError: pysteps is not installed.
    """
    if importlib.util.find_spec("pysteps") is None:
        raise EchocastError("--with-pysteps needs the package pysteps, which is not installed.")
    with contextlib.redirect_stdout(io.StringIO()):  # pysteps tells of every step
        return _sprog(frames)


def _sprog(frames: Frames) -> NDArray[np.float32]:
    from pysteps import motion, nowcasts

    dbz = np.nan_to_num(frames.reflectivity_dbz, nan=SPROG_DRY_DBZ)
    rain = np.where(dbz >= WET_DBZ, dbz, SPROG_DRY_DBZ).astype(float)
    velocity = motion.get_method("LK")(rain[-3:])
    forecast: NDArray[np.float32] = nowcasts.get_method("sprog")(
        rain[-3:],
        velocity,
        RADAR.output_frames,
        n_cascade_levels=SPROG_LEVELS,
        precip_thr=WET_DBZ,
    )
    return forecast


def _storm(shape: tuple[int, int]) -> Frames:
    return storm(1, frames=10, height=shape[0], width=shape[1])


COLUMNS = (
    *("domain", "pixels", "wet", "skipped", "n"),
    *("prepare s", "network s", "finish s", "nowcast s", "S-PROG s", "nowcast / S-PROG"),
    *("nowcast CPU s", "S-PROG CPU s", "nowcast / S-PROG"),
)


def cells(row: Mapping[str, Any]) -> list[object]:
    """A row for people, under :data:`COLUMNS`."""
    seconds, worked = row["seconds"], row["processor_seconds"]
    columns = [row["name"], f"{row['height']} x {row['width']}", f"{row['wet_share']:.0%}"]
    columns += [f"{row['skipped_share']:.0%}", row["repeats"]]
    columns += [f"{seconds[phase]:.2f}" for phase in ("prepare", "network", "finish")]
    return [*columns, *_beside_sprog(seconds), *_beside_sprog(worked)]


def _beside_sprog(seconds: Mapping[str, float]) -> list[str]:
    nowcast = f"{seconds['nowcast']:.2f}"
    if "sprog" not in seconds:
        return [nowcast, "-", "-"]
    return [nowcast, f"{seconds['sprog']:.2f}", f"{seconds['nowcast'] / seconds['sprog']:.2f}"]


def plot(by_pixels: Sequence[dict[str, Any]], by_wet: Sequence[dict[str, Any]], file: Path) -> None:
    """Seconds against pixels and against the share that is computed."""
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    pixels = [row["height"] * row["width"] / 1e6 for row in by_pixels]
    for name, label in (("nowcast", "nowcast"), ("network", "network alone"), ("sprog", "S-PROG")):
        if all(name in row["seconds"] for row in by_pixels):
            seconds = [row["processor_seconds"][name] for row in by_pixels]
            left.plot(pixels, seconds, marker="o", label=label)
    left.set(xlabel="million pixels", ylabel="processor seconds", ylim=(0, None))
    left.legend()
    computed = [1 - row["skipped_share"] for row in by_wet]
    right.plot(computed, [row["processor_seconds"]["network"] for row in by_wet], marker="o")
    right.set(
        xlabel="share of the domain that is computed", ylabel="processor seconds of the network"
    )
    right.set(xlim=(0, 1), ylim=(0, None))
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
