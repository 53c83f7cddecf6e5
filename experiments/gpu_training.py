"""The ``radar`` preset on one GPU, in stages of less than ten minutes; each can be the last.

Where the radar files are, once: pack what fits into 46 MiB, cleaned, the driest tiles left out.

    python -m experiments.gpu_training pack RADAR runs/gpu/packed

On the machine with the GPU (PyTorch, NumPy, OpenCV, safetensors, Typer, Rich; nothing is fetched),
stage after stage: each trains for its minutes from the weights of the stage before and writes
``stage-N.safetensors`` (half precision, below 16 MiB) and ``stage-N.json``:

    python -m experiments.gpu_training stage 1 runs/gpu/packed OUT
    python -m experiments.gpu_training stage 2 runs/gpu/packed OUT --start OUT/stage-1.safetensors

Back home, a checkpoint to calibrate and judge like any other:

    python -m experiments.gpu_training checkpoint OUT/stage-2.safetensors MODELS/radar/1.0.0

``--device cpu --preset radar-small --minutes 1`` tries all of it without a GPU.
"""

from __future__ import annotations

import json
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from safetensors.torch import load_file, save_file

from echocast.model.cli.progress import progress
from echocast.model.network.config import PRESETS
from echocast.model.network.network import Network
from echocast.model.registry import checkpoint
from echocast.model.training.config import TrainingConfig
from echocast.model.training.loop import train
from echocast.model.training.prefetch import Loader
from echocast.model.training.run import Run
from echocast.model.training.sampler import Sampler, check_bases
from echocast.model.training.window_plan import WET_DBZ, Window, sequences, windows_of
from echocast.model.training.windows import WindowStore, from_counts, to_counts
from echocast.workers.runtime.machine import usable_cpus

PLAN = Path(__file__).with_name("windows.json")
SYNTHETIC_PLAN = Path(__file__).with_name("windows-synthetic.json")
WINDOWS = Path(tempfile.gettempdir(), "windows")
PACKED_MIB = 46
LARGEST_FILE_MIB = 16
MiB = 2**20
PROBED_STEPS, WARMING_STEPS = 10, 3
SHARES = {"mrms/6": 2, "mrms/4": 2, "opera/15": 1.5, "cirrus/5": 2, "fmi/5": 2, "knmi/5": 2}

app = typer.Typer(help=__doc__, add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Stage:
    """How one stage trains.

    Args:
        minutes: Of training; extracting windows comes before.
        batch: Windows a step.
        peak_rate: Of its one-cycle schedule; each stage takes .7 of the one before.
    """

    minutes: float
    batch: int
    peak_rate: float


STAGES = {1: Stage(7, 64, 1.4e-3), 2: Stage(7, 64, 1e-3), 3: Stage(7, 64, 7e-4)}


@app.command()
def pack(data: Path, output: Path, mebibytes: float = PACKED_MIB) -> None:
    """Write the sequences of the plan as compressed counts; the driest tiles are left out."""
    output.mkdir(parents=True, exist_ok=True)
    written: list[tuple[bool, float, int, Path]] = []
    for number, source in enumerate(json.loads(PLAN.read_text())):
        for tile, sequence in enumerate(sequences(source, data)):
            path = output / f"{number}-{tile}.npz"
            np.savez_compressed(path, counts=to_counts(sequence))
            wet = float((np.nan_to_num(sequence) > WET_DBZ).mean())
            written.append(("tile" not in source, wet, path.stat().st_size, path))
            typer.echo(f"{path.name} {sequence.shape} {path.stat().st_size / MiB:.1f} MiB")
    total = 0
    for _, wet, size, path in sorted(written, reverse=True):
        if total + size > mebibytes * MiB:
            path.unlink()
            typer.echo(f"Left out {path.name}: {wet:.1%} of it is wet.")
        else:
            total += size
    typer.echo(f"{total / MiB:.1f} MiB in {output}.")


@app.command()
def stage(
    number: int,
    packed: Path,
    output: Path,
    start: Annotated[Path | None, typer.Option(help="Weights of the stage before.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Of training.")] = None,
    preset: str = "radar",
    device: str = "cuda",
    windows: Annotated[Path, typer.Option(help="Where windows are put.")] = WINDOWS,
) -> None:
    """Extract windows, measure a few steps, train for so long, write the averaged weights."""
    if device == "cuda" and not torch.cuda.is_available():
        typer.echo("There is no GPU here.")
        raise typer.Exit
    terms = STAGES[number]
    store = _windows(packed, windows, seed=number)
    check_bases([store], PRESETS[preset])
    config = TrainingConfig(
        PRESETS[preset],
        steps=PROBED_STEPS + WARMING_STEPS,
        batch=terms.batch,
        peak_rate=terms.peak_rate,
        shares=SHARES,
        bfloat16=True,
        seed=number,
        warm_start=start.stem if start else "",
    )
    per_step = _seconds_per_step(config, store, device, output)
    seconds = 60 * (minutes or terms.minutes)
    config = replace(config, steps=max(int(seconds / per_step), 1))
    run = Run(config, output / f"run-{number}", device=device)
    if start:
        run.start_from(_network(start))
    loader, began = Loader(Sampler([store], config), usable_cpus()), time.monotonic()
    losses = []
    with progress() as bar:
        task = bar.add_task("loss", total=config.steps)
        for report in train(run, loader, save_every_seconds=float("inf")):
            losses.append(report.loss)
            bar.update(task, completed=report.step, description=f"loss {report.loss:.3f}")
    facts = {
        **run.facts,
        "seconds": time.monotonic() - began,
        "waited_seconds": loader.waited_seconds,
        "losses": losses[:: max(len(losses) // 200, 1)],
        "windows": len(store),
    }
    _write(run.average, output / f"stage-{number}.safetensors", facts)


@app.command(name="checkpoint")
def write_checkpoint(weights: Path, output: Path) -> None:
    """Write the weights of a stage as a checkpoint ``<name>/<version>``."""
    facts = json.loads(weights.with_suffix(".json").read_text())
    network = _network(weights)
    checkpoint.save(network, output, {k: facts[k] for k in ("training", "trained_steps")})
    typer.echo(f"Wrote {output}.")


def _windows(packed: Path, folder: Path, seed: int) -> WindowStore:
    """The windows of all packed sequences and of our own storms, extracted by all cores."""
    if not (folder / "windows.json").exists():
        plan = json.loads(PLAN.read_text())
        jobs = [
            (plan[int(path.stem.partition("-")[0])], path, seed) for path in packed.glob("*.npz")
        ]
        for source in json.loads(SYNTHETIC_PLAN.read_text()):
            first, last, _ = source["synthetic_seeds"]
            jobs += [
                ({**source, "synthetic_seeds": [k, k + 1, 1]}, None, k) for k in range(first, last)
            ]
        windows: list[Window] = []
        with ProcessPoolExecutor(usable_cpus()) as pool, progress() as bar:
            for part in bar.track(
                pool.map(_extracted, jobs), total=len(jobs), description="windows"
            ):
                windows += part
        WindowStore.save(folder, windows)
    return WindowStore.load(folder)


def _extracted(job: tuple[dict[str, Any], Path | None, int]) -> list[Window]:
    """The windows of one packed sequence, or of one synthetic storm."""
    source, path, seed = job
    rng = np.random.default_rng(seed)
    if path is None:
        return [
            w for sequence in sequences(source, Path()) for w in windows_of(sequence, source, rng)
        ]
    return windows_of(from_counts(np.load(path, allow_pickle=False)["counts"]), source, rng)


def _seconds_per_step(
    config: TrainingConfig, store: WindowStore, device: str, output: Path
) -> float:
    """Median of a few steps that are thrown away."""
    run = Run(config, output / "probe", device=device)
    times = [time.monotonic()]
    for batch in Loader(Sampler([store], config), usable_cpus()).batches(0, config.steps):
        run.advance(batch)
        times.append(time.monotonic())
    typer.echo(f"A step takes {np.median(np.diff(times[WARMING_STEPS:])):.3f} s.")
    return float(np.median(np.diff(times[WARMING_STEPS:])))


def _write(average: dict[str, torch.Tensor], path: Path, facts: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.half().cpu().contiguous() for k, v in average.items()}, path)
    path.with_suffix(".json").write_text(json.dumps(facts))
    if path.stat().st_size > LARGEST_FILE_MIB * MiB:
        raise SystemExit(f"{path} is larger than {LARGEST_FILE_MIB} MiB.")
    typer.echo(f"Wrote {path}.")


def _network(weights: Path) -> Network:
    """The network of a stage."""
    facts = json.loads(weights.with_suffix(".json").read_text())
    network = Network(TrainingConfig.from_json(facts["training"]).network)
    network.load_state_dict({k: v.float() for k, v in load_file(weights).items()})
    return network


if __name__ == "__main__":
    app()
