"""``python -m echocast.model``: the network's own command line, no server needed.

``echocast`` starts these commands in a process of their own, because it never loads torch itself.
"""

from __future__ import annotations

import os

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # before torch: threads wait briefly, then sleep

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, cast

import typer

from echocast.model import acceptance
from echocast.model.cli import phases, training
from echocast.model.cli import retraining as retraining_commands
from echocast.model.cli.nowcast import nowcast_files
from echocast.model.cli.options import (
    Device,
    Json,
    ModelName,
    ModelsDir,
    Threads,
    command_line,
    run,
    use_threads,
)
from echocast.model.cli.progress import progress
from echocast.model.network.config import PRESETS, Coordinates
from echocast.model.network.network import Network
from echocast.model.network.weight_import import infer_config, read_state_dict, translate
from echocast.model.nowcaster import Nowcaster
from echocast.model.plotting import evaluation_report as report
from echocast.model.products import Decision
from echocast.model.registry import checkpoint
from echocast.model.registry.registry import SHIPPED, Registry
from echocast.model.training.window_plan import gather
from echocast.model.training.windows import Framing, WindowStore
from echocast.model.verification.baselines import installed
from echocast.model.verification.calibration import (
    EARLY,
    FEWEST_EVENTS,
    choose_cuts,
    choose_weights,
    leave_one_out,
    too_few,
    weighted,
)
from echocast.model.verification.evaluation import evaluate, exceedance_counts

app = command_line()
retraining_commands.install(app)
training.install(app)
phases.install(app)


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
    coordinates: Annotated[
        str,
        typer.Option(help="lagrangian: frames aligned along the motion; eulerian: as they are."),
    ] = "lagrangian",
    drift: Annotated[
        float, typer.Option(help="Eulerian crops move, up to so many pixels a step.")
    ] = 0.0,
    seed: int = 20261121,
) -> None:
    """Cut training windows from radar files."""
    framing = Framing(cast(Coordinates, coordinates), drift)
    windows = []
    with progress() as bar:
        task = bar.add_task("windows", total=None)
        for part in gather(json.loads(plan.read_text()), data, seed, framing):
            windows += part
            bar.update(task, description=f"{len(windows)} windows")
    WindowStore.save(output, windows)
    typer.echo(f"Wrote {len(windows)} windows to {output}.")


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
    """Choose when exceedances are forecast: from which probability, leaning on extrapolation.

    All lead times share the choice, because there are few samples of heavy rain. What the model
    then answers to the golden input is written down too, so that it can be published.
    """
    use_threads(threads)
    directory = Registry(models_dir).resolve(model)
    with progress() as bar:
        tried = exceedance_counts(Nowcaster.load(directory), files, stride, bar)
    weights = choose_weights(tried)
    events = weighted(tried, weights)
    decision = Decision(choose_cuts(list(events.values())), weights, EARLY).to_manifest()
    checkpoint.amend(directory, {**decision, "cuts_chosen_on": sorted(events)})
    acceptance.describe(directory)
    leave = leave_one_out(events) if len(events) > 1 else {}
    for dbz, pixels in too_few(list(events.values())).items():
        typer.echo(
            f"Too few pixels reached {dbz:g} dBZ to choose its cut ({pixels} in the event with"
            f" most, {FEWEST_EVENTS} are needed): it takes that of the threshold below, or 0.5.",
            err=True,
        )
    typer.echo(json.dumps({**decision, "leave_one_out": leave}, indent=2))


if __name__ == "__main__":
    run(app)
