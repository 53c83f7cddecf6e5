"""``python -m model``: the network's own command line, no server needed.

``echocast`` starts these commands in a process of their own, because it never loads torch itself.
"""

from __future__ import annotations

import os

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # before torch: threads wait briefly, then sleep

import json
import time
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Annotated

import torch
import typer

from model import checkpoint
from model.batches import Sampler
from model.calibration import choose_cuts, choose_weights, leave_one_out, weighted
from model.commands import (
    Device,
    Json,
    ModelName,
    ModelsDir,
    Threads,
    command_line,
    run,
    use_threads,
)
from model.config import PRESET_SAMPLING, PRESETS, SAMPLINGS, TrainingConfig
from model.dataset import WindowStore
from model.joining import join
from model.judging import report
from model.judging.evaluation import evaluate, exceedance_counts
from model.judging.references import installed
from model.judging.simulation import commands as simulation_commands
from model.loader import Loader
from model.networks import Network
from model.nowcast_files import nowcast_files
from model.nowcaster import Nowcaster
from model.parallel import joined
from model.progress import progress
from model.reference_weights import infer_config, read_state_dict, translate
from model.registry import SHIPPED, Registry
from model.retraining import commands as retraining_commands
from model.training import Run, facts_of, mean_network, train, weights_to_start_from
from model.windows import gather

app = command_line()
retraining_commands.install(app)
simulation_commands.install(app)


@app.command("nowcast")
def nowcast_command(
    files: list[Path],
    output: Annotated[Path, typer.Option(help="Forecast NetCDF to write.")],
    reference_time: Annotated[str | None, typer.Option(help="ISO 8601; default: newest.")] = None,
    variable: Annotated[str | None, typer.Option(help="Reflectivity variable's name.")] = None,
    models_dir: ModelsDir = SHIPPED,
    model: ModelName = "champion",
    device: Device = "cpu",
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Forecast the ten frames after the newest ten of FILES; later frames verify it."""
    use_threads(threads)
    reference = datetime.fromisoformat(reference_time) if reference_time else None
    if reference is not None and reference.tzinfo is None:
        reference = reference.replace(tzinfo=UTC)
    nowcaster = Nowcaster.load(Registry(models_dir).resolve(model), device)
    summary = nowcast_files(nowcaster, files, output, variable=variable, reference_time=reference)
    typer.echo(json.dumps(summary) if as_json else f"Wrote {output}.")


@app.command("windows")
def windows_command(
    plan: Annotated[Path, typer.Argument(help="JSON plan, e.g. experiments/windows.json.")],
    data: Annotated[Path, typer.Option(help="Folder of the radar files.")],
    output: Annotated[Path, typer.Option(help="Folder to write the windows to.")],
    seed: int = 20261121,
) -> None:
    """Cut aligned training windows from radar files."""
    windows = []
    with progress() as bar:
        task = bar.add_task("windows", total=None)
        for part in gather(json.loads(plan.read_text()), data, seed):
            windows += part
            bar.update(task, description=f"{len(windows)} windows")
    WindowStore.save(output, windows)
    typer.echo(f"Wrote {len(windows)} windows to {output}.")


def known_preset(name: str) -> str:
    """A preset that there is."""
    if name not in PRESETS:
        raise typer.BadParameter(f"A preset is one of {', '.join(PRESETS)}, not {name!r}.")
    return name


def known_sampling(name: str | None) -> str | None:
    """A way of sampling that there is; None for the preset's."""
    if name is not None and name not in SAMPLINGS:
        raise typer.BadParameter(f"A sampling is one of {', '.join(SAMPLINGS)}, not {name!r}.")
    return name


def known_shares(text: str) -> str:
    """JSON of one number, 0 or more, for each event that is named."""
    try:
        shares = json.loads(text)
        good = all(type(value) in (int, float) and 0 <= value < inf for value in shares.values())
    except (ValueError, AttributeError):
        good = False
    if not good:
        raise typer.BadParameter(
            f'Shares are a JSON object like {{"event": 2.0}} of numbers from 0, not {text[:80]!r}.'
        )
    return text


@app.command("train")
def train_command(
    windows: Annotated[list[Path], typer.Argument(help="Folders of windows.")],
    output: Annotated[Path, typer.Option(help="Folder of the run.")],
    preset: Annotated[
        str, typer.Option(help=f"One of {', '.join(PRESETS)}.", callback=known_preset)
    ] = "radar-small",
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 2000,
    batch: Annotated[int, typer.Option(min=1, help="Windows a step.")] = 6,
    peak_rate: Annotated[float, typer.Option(min=0.0, help="Highest learning rate.")] = 2e-3,
    balance: Annotated[float, typer.Option(min=0.0, max=1.0, help="Weight heavy rain more.")] = 0.0,
    shares: Annotated[
        str, typer.Option(help="JSON: how often each event is drawn.", callback=known_shares)
    ] = "{}",
    sampling: Annotated[
        str | None,
        typer.Option(
            help=f"Truth fed in training: {', '.join(SAMPLINGS)}. Default: paper as its authors"
            " did, scheduled; the others free-running.",
            callback=known_sampling,
        ),
    ] = None,
    bfloat16: Annotated[bool, typer.Option(help="Convolutions in bfloat16.")] = False,
    until: Annotated[int | None, typer.Option(help="Stop early, at this step.")] = None,
    warm_start: Annotated[
        Path | None,
        typer.Option(help="Run or released checkpoint whose weights to begin with."),
    ] = None,
    device: Device = "cpu",
    seed: int = 1,
    threads: Threads = 0,
    loaders: Annotated[int, typer.Option(min=0, help="Threads that draw windows ahead.")] = 0,
) -> None:
    """Train a network; the same command again goes on where it stopped.

    Under torchrun several processes train together: ``torchrun --nproc-per-node 2 -m model train``.
    """
    use_threads(threads)
    config = TrainingConfig(
        PRESETS[preset],
        steps=steps,
        batch=batch,
        peak_rate=peak_rate,
        balance=balance,
        shares=json.loads(shares),
        sampling=SAMPLINGS[sampling or PRESET_SAMPLING.get(preset, "free-running")],
        bfloat16=bfloat16,
        seed=seed,
        warm_start=warm_start.name if warm_start else "",
    )
    with joined(device) as team, progress() as bar:
        training = Run(config, output, device=device, team=team)
        if warm_start:
            training.start_from(weights_to_start_from(warm_start))
        training.resume()
        sampler = Sampler([WindowStore.load(folder) for folder in windows], config, team)
        loader, started = Loader(sampler, loaders), time.monotonic()
        task = bar.add_task("loss", total=steps, completed=training.step, visible=team.leads)
        for loss in train(training, loader, until=until):
            bar.update(task, completed=training.step, description=f"loss {loss:.3f}")
    if team.leads:
        waited = loader.waited_seconds / max(time.monotonic() - started, 1e-9)
        typer.echo(
            f"Trained {training.step} steps, {waited:.0%} of the time spent waiting for windows;"
            f" the run is in {output}."
        )


@app.command("untrained")
def untrained_command(
    output: Annotated[Path, typer.Option(help="<name>/<version> folder to write.")],
    preset: Annotated[
        str, typer.Option(help=f"One of {', '.join(PRESETS)}.", callback=known_preset)
    ] = "radar-small",
    seed: int = 1,
) -> None:
    """Write an untrained checkpoint, to measure with: its head is zero."""
    torch.manual_seed(seed)
    facts = {"trained_steps": 0, "seed": seed, "note": "Untrained: no better than its references."}
    checkpoint.save(Network(PRESETS[preset]), output, facts)
    typer.echo(f"Wrote {output}, untrained.")


@app.command("join")
def join_command(
    network: Annotated[Path, typer.Argument(help="Run or checkpoint of a recurrent network.")],
    control: Annotated[Path, typer.Argument(help="Run or checkpoint of a control.")],
    output: Annotated[Path, typer.Option(help="<name>/<version> folder to write.")],
    share: Annotated[float, typer.Option(min=0.0, max=1.0, help="Weight of the control.")] = 0.5,
    notes: Annotated[Path | None, typer.Option(help="JSON to add to the manifest.")] = None,
) -> None:
    """Make one checkpoint of a recurrent network and a control; it answers with their mean."""
    both = join(weights_to_start_from(network), weights_to_start_from(control), share)
    extra = json.loads(notes.read_text()) if notes else {}
    checkpoint.save(both, output, {**facts_of(network), "control_share": share, **extra})
    typer.echo(f"Wrote {output}.")


@app.command("release")
def release_command(
    run_folders: Annotated[
        list[Path], typer.Argument(help="Folders of runs; the last one's facts.")
    ],
    output: Annotated[Path, typer.Option(help="<name>/<version> folder to write.")],
    notes: Annotated[Path | None, typer.Option(help="JSON to add to the manifest.")] = None,
) -> None:
    """Write the averaged weights of a run, or the mean of several runs', as a checkpoint."""
    runs = [Run.open(folder) for folder in run_folders]
    extra = json.loads(notes.read_text()) if notes else {}
    checkpoint.save(mean_network(runs), output, {**runs[-1].facts, **extra})
    typer.echo(f"Wrote {output}.")


@app.command("import-weights")
def import_weights_command(
    file: Annotated[Path, typer.Argument(help="A state_dict saved by PyTorch.")],
    family: Annotated[str, typer.Option(help="mim, predrnn, predrnn_plus or convlstm.")],
    output: Annotated[Path, typer.Option(help="<name>/<version> folder to write.")],
    preset: Annotated[str, typer.Option(help="Whose patch size the weights have.")] = "paper",
) -> None:
    """Turn weights of a public PyTorch implementation into a checkpoint."""
    weights = read_state_dict(file)
    config = infer_config(weights, family, PRESETS[preset].patch)
    network = Network(config)
    network.load_state_dict(translate(weights, config))
    checkpoint.save(network, output, {"imported": {"file": file.name, "family": family}})
    typer.echo(f"Wrote {output}.")


@app.command("evaluate")
def evaluate_command(
    files: Annotated[list[Path], typer.Argument(help="Radar files; each is one event.")],
    output: Annotated[
        Path | None, typer.Option(help="Folder for a page with plots, CSV and JSON.")
    ] = None,
    models_dir: ModelsDir = SHIPPED,
    model: ModelName = "champion",
    stride: Annotated[int, typer.Option(help="Frames between reference times.")] = 6,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Score a model beside its references on whole events; beside pysteps where it is installed."""
    use_threads(threads)
    nowcaster = Nowcaster.load(Registry(models_dir).resolve(model))
    name = f"{nowcaster.identity.name}/{nowcaster.identity.version}"
    events = []
    with progress() as bar:
        for file in files:
            events.append(evaluate(nowcaster, file, stride, bar, installed()))
            if output:
                report.write(output, name, stride, events)
    scores = report.to_json(name, stride, events)
    typer.echo(json.dumps(scores) if as_json else report.markdown(events))


@app.command("calibrate")
def calibrate_command(
    files: Annotated[list[Path], typer.Argument(help="Radar files; each is one event.")],
    models_dir: ModelsDir = SHIPPED,
    model: ModelName = "champion",
    stride: Annotated[int, typer.Option(help="Frames between reference times.")] = 6,
    threads: Threads = 0,
) -> None:
    """Choose when exceedances are forecast: from which probability, leaning on extrapolation."""
    use_threads(threads)
    directory = Registry(models_dir).resolve(model)
    with progress() as bar:
        tried = exceedance_counts(Nowcaster.load(directory), files, stride, bar)
    weights = choose_weights(tried)
    events = weighted(tried, weights)
    decision = {"cuts": choose_cuts(list(events.values())), "extrapolation_weights": weights}
    checkpoint.amend(directory, {**decision, "cuts_chosen_on": sorted(events)})
    leave = leave_one_out(events) if len(events) > 1 else {}
    typer.echo(json.dumps({**decision, "leave_one_out": leave}, indent=2))


if __name__ == "__main__":
    run(app)
