"""How long a nowcast takes phase by phase, without queue, files or HTTP."""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from echocast.model.cli.help_pages import command_line
from echocast.model.cli.options import ModelName, ModelsDir, Threads, use_threads
from echocast.model.cli.plain_options import Json
from echocast.model.registry.reader import SHIPPED, RegistryReader

if TYPE_CHECKING:
    from echocast.model.frames import Frames
    from echocast.model.nowcaster import Nowcaster

STATUS = Path("/proc/self/status")

app = command_line()


@app.command("phases")
def phases_command(
    models_dir: ModelsDir = SHIPPED,
    model: ModelName = "champion",
    height: int = 64,
    width: int = 64,
    batch: int = 1,
    repeats: int = 5,
    plain: Annotated[
        bool, typer.Option("--plain", help="The cells as printed, not their fast form.")
    ] = False,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Seconds of preprocessing, of the network alone, and of postprocessing."""
    from echocast.model.nowcaster import Nowcaster
    from echocast.model.registry import checkpoint

    use_threads(threads)
    directory = RegistryReader(models_dir).resolve(model)
    nowcaster = Nowcaster(*checkpoint.load(directory)) if plain else Nowcaster.load(directory)
    result = measure(nowcaster, (height, width), batch, repeats)
    typer.echo(json.dumps(result) if as_json else "\n".join(f"{k}: {v}" for k, v in result.items()))


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
    import torch

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
    from echocast.model.frames import Frames
    from echocast.model.grid import Grid
    from echocast.model.synthetic.storms import storm

    sampled = storm(1, frames=count, height=shape[0], width=shape[1])
    start = datetime(2026, 7, 1, 12, tzinfo=UTC)
    times = [start + timedelta(minutes=5 * k) for k in range(count)]
    return Frames(sampled.reflectivity_dbz, tuple(times), Grid.of_pixels(*shape))


def peak_mib() -> float:
    """The most memory this process had, where the system can tell."""
    if STATUS.exists():
        fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) / 1024
    peak_ever = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak_ever / (2**20 if sys.platform == "darwin" else 2**10)
