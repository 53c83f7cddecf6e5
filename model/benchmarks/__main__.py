"""``python -m model.benchmarks``: time the network, no server needed."""

from __future__ import annotations

import os

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # before torch: threads wait briefly, then sleep

import importlib.util
import json
from pathlib import Path
from typing import Annotated

import torch
import typer

from model.benchmarks import domain as of_domain
from model.benchmarks import network as of_network
from model.benchmarks import phases as of_phases
from model.benchmarks.machine import convolution_peak, describe
from model.commands import Json, ModelName, ModelsDir, Threads, command_line, run, use_threads
from model.config import FAMILIES
from model.errors import EchocastError
from model.nowcaster import Nowcaster
from model.progress import progress
from model.registry import SHIPPED, Registry

app = command_line()


@app.command("network")
def network_command(
    family: Annotated[list[str] | None, typer.Option(help="Only these families.")] = None,
    width: Annotated[list[int] | None, typer.Option(help="Only these widths.")] = None,
    kernel: Annotated[list[int] | None, typer.Option(help="Only these kernels.")] = None,
    batch: Annotated[list[int] | None, typer.Option(help="Only these batches.")] = None,
    rounds: Annotated[int, typer.Option(help="Timed steps of each form.")] = 6,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Plain against fast steps, per family, width, kernel and batch."""
    use_threads(threads)
    cases = list(
        of_network.cases(family or FAMILIES, width or (64, 128), kernel or (5, 3), batch or (1, 4))
    )
    devices: dict[str, object] = {}
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        peak, rows = convolution_peak(device), []
        with progress() as bar:
            for case in bar.track(cases, description=f"{device}, peak {peak:.0f} GFLOP/s"):
                rows.append(of_network.measure(case, peak, rounds, device))
        devices[device] = {"convolution_peak_gflops": peak, "rows": rows}
        if not as_json:
            typer.echo(f"{device}, convolution peak {peak:.0f} GFLOP/s, {describe()}\n")
            typer.echo(of_network.markdown(rows))
    if as_json:
        typer.echo(json.dumps({"machine": describe(), "devices": devices}))


@app.command("phases")
def phases_command(
    models_dir: ModelsDir = SHIPPED,
    model: ModelName = "champion",
    height: int = 64,
    width: int = 64,
    batch: int = 1,
    repeats: int = 5,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Seconds of preparing, the bare network and finishing."""
    use_threads(threads)
    nowcaster = Nowcaster.load(Registry(models_dir).resolve(model))
    result = of_phases.measure(nowcaster, (height, width), batch, repeats)
    typer.echo(json.dumps(result) if as_json else "\n".join(f"{k}: {v}" for k, v in result.items()))


@app.command("domain")
def domain_command(
    files: Annotated[list[Path] | None, typer.Argument(help="Radar files; each an event.")] = None,
    height: Annotated[
        int, typer.Option(help="Leave out storms on higher domains; 0: all of them.")
    ] = 1226,
    repeats: Annotated[int, typer.Option(help="Timed nowcasts of each row.")] = 1,
    with_pysteps: Annotated[bool, typer.Option(help="S-PROG beside it, if installed.")] = False,
    plot: Annotated[Path | None, typer.Option(help="PNG to draw.")] = None,
    models_dir: ModelsDir = SHIPPED,
    model: ModelName = "champion",
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Seconds of a nowcast against pixels, wet share, and events of your own."""
    use_threads(threads)
    if with_pysteps and importlib.util.find_spec("pysteps") is None:
        raise EchocastError("--with-pysteps needs the package pysteps, which is not installed.")
    nowcaster = Nowcaster.load(Registry(models_dir).resolve(model))
    options = {"repeats": repeats, "pysteps": with_pysteps}
    shapes = [shape for shape in of_domain.SHAPES if shape[0] <= height]
    wet = [min(shapes[-1], of_domain.WET_SHAPE)] if shapes else []
    rows = {
        "pixels": of_domain.against_pixels(nowcaster, shapes, **options),
        "wet_share": [
            row for at in wet for row in of_domain.against_wet_share(nowcaster, at, **options)
        ],
        "events": of_domain.of_files(nowcaster, files or [], **options),
    }
    if plot:
        of_domain.plot(rows["pixels"], rows["wet_share"], plot)
    name = f"{nowcaster.identity.name}/{nowcaster.identity.version}"
    if as_json:
        facts = {"model": name, "steps": nowcaster.choice.name, "machine": describe()}
        typer.echo(json.dumps({**facts, "rows": rows}))
        return
    typer.echo(f"{name}, steps {nowcaster.choice.name}, {describe()}\n")
    typer.echo(of_domain.markdown([row for part in rows.values() for row in part]))


@app.command("gpu")
def gpu_command(
    output: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
) -> None:
    """Build, check and time bfloat16 sequences as CUDA graphs; without a GPU, say so."""
    if not torch.cuda.is_available():
        typer.echo("There is no GPU here; nothing was measured.")
        return
    from model.benchmarks.gpu import measure

    result = json.dumps(measure(), indent=2)
    if output:
        output.write_text(result + "\n")
    typer.echo(result)


if __name__ == "__main__":
    run(app)
