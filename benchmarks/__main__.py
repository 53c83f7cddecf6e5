"""``python -m benchmarks``: time the network and streams on this machine."""

from __future__ import annotations

import os

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # before torch: threads wait briefly, then sleep

import importlib.util
import json
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks import disk as of_disk
from benchmarks import domain as of_domain
from benchmarks import network as of_network
from benchmarks import reach as of_reach
from benchmarks.domain import WET_SHAPE
from benchmarks.machine import convolution_peak, describe
from benchmarks.table import TableFile
from echocast.model.cli.help_pages import command_line
from echocast.model.cli.options import ModelName, ModelsDir, Threads, run, use_threads
from echocast.model.cli.plain_options import Json
from echocast.model.cli.progress import progress
from echocast.model.errors import EchocastError
from echocast.model.network.config import FAMILIES
from echocast.model.nowcaster import Nowcaster
from echocast.model.registry.reader import SHIPPED, RegistryReader

app = command_line()


Output = Annotated[
    Path | None,
    typer.Option(help="Markdown file for the table, written row by row; rows that are there stay."),
]


@app.command("network")
def network_command(
    family: Annotated[list[str] | None, typer.Option(help="Only these families.")] = None,
    width: Annotated[list[int] | None, typer.Option(help="Only these widths.")] = None,
    kernel: Annotated[list[int] | None, typer.Option(help="Only these kernels.")] = None,
    batch: Annotated[list[int] | None, typer.Option(help="Only these batches.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Timed steps of each form.")] = 7,
    output: Output = None,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Plain against fast steps, per family, width, kernel and batch; MIM first."""
    use_threads(threads)
    cases = of_network.cases(
        family or FAMILIES, width or (64, 128), kernel or (5, 3), batch or (1, 4)
    )
    devices: dict[str, object] = {}
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        peak, rows = convolution_peak(device), []
        title = f"{device}, convolution peak {peak:.0f} GFLOP/s, {describe()}"
        file = output and output.with_stem(output.stem + ("-cuda" if device == "cuda" else ""))
        table = TableFile(file, title, of_network.COLUMNS, of_network.KEY)
        with progress() as bar:
            for case in bar.track(cases, description=f"{device}, peak {peak:.0f} GFLOP/s"):
                if case not in table:
                    rows.append(of_network.measure(case, peak, rounds, device))
                    table.add(of_network.cells(rows[-1]))
        devices[device] = {"convolution_peak_gflops": peak, "rows": rows}
        if not as_json:
            typer.echo(table)
    if as_json:
        typer.echo(json.dumps({"machine": describe(), "devices": devices}))


@app.command("domain")
def domain_command(
    files: Annotated[list[Path] | None, typer.Argument(help="Radar files; each an event.")] = None,
    height: Annotated[
        int, typer.Option(help="Leave out storms on higher domains; 0: all of them.")
    ] = 1226,
    repeats: Annotated[int, typer.Option(help="Timed nowcasts of each row.")] = 1,
    with_pysteps: Annotated[bool, typer.Option(help="S-PROG beside it, if installed.")] = False,
    plot: Annotated[Path | None, typer.Option(help="PNG to draw; measures every row.")] = None,
    output: Output = None,
    models_dir: ModelsDir = SHIPPED,
    model: ModelName = "champion",
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Seconds of a nowcast on events of your own, and against pixels and wet share."""
    use_threads(threads)
    if with_pysteps and importlib.util.find_spec("pysteps") is None:
        raise EchocastError("--with-pysteps needs the package pysteps, which is not installed.")
    nowcaster = Nowcaster.load(RegistryReader(models_dir).resolve(model))
    shapes = [shape for shape in of_domain.SHAPES if shape[0] <= height]
    parts = {
        "events": of_domain.of_files(files or []),
        "pixels": of_domain.against_pixels(shapes),
        "wet_share": of_domain.against_wet_share(min(shapes[-1], WET_SHAPE)) if shapes else [],
    }
    cases = [(part, case) for part, its_cases in parts.items() for case in its_cases]
    name = f"{nowcaster.identity.name}/{nowcaster.identity.version}"
    title = f"{name}, steps {nowcaster.choice.name}, {describe()}"
    table, rows = TableFile(output, title, of_domain.COLUMNS), dict[str, list[Any]]()
    with progress() as bar:
        for part, case in bar.track(cases):
            if plot or (case.name,) not in table:
                row = of_domain.measure(
                    nowcaster, case.frames(), case.name, repeats=repeats, pysteps=with_pysteps
                )
                rows.setdefault(part, []).append(row)
                table.add(of_domain.cells(row))
    if plot:
        of_domain.plot(rows["pixels"], rows["wet_share"], plot)
    if as_json:
        facts = {"model": name, "steps": nowcaster.choice.name, "machine": describe()}
        typer.echo(json.dumps({**facts, "rows": rows}))
        return
    typer.echo(table)


@app.command("streams")
def streams_command(as_json: Json = False) -> None:
    """What a stream of 640 x 710 pixels costs: frames, scores, the newest forecast."""
    from benchmarks.streams import run_stream_benchmark

    run_stream_benchmark(as_json)


@app.command("disk")
def disk_command(
    side: Annotated[list[int] | None, typer.Option(help="Only square grids of that side.")] = None,
    output: Output = None,
    models_dir: ModelsDir = SHIPPED,
    model: ModelName = "champion",
    as_json: Json = False,
) -> None:
    """Disk that a stream of five minutes takes in a day, and memory of a forecast, by grid."""
    directory = RegistryReader(models_dir).resolve(model)
    shapes = [(n, n) for n in side] if side else of_disk.SHAPES
    table, rows = TableFile(output, f"{describe()}", of_disk.COLUMNS), list[dict[str, Any]]()
    with progress() as bar:
        for shape in bar.track(shapes):
            rows.append(of_disk.measure(directory, shape))
            table.add(of_disk.cells(rows[-1]))
    typer.echo(json.dumps({"machine": describe(), "rows": rows}) if as_json else table)


@app.command("reach")
def reach_command(
    files: Annotated[list[Path], typer.Argument(help="Radar files; each an event.")],
    times: Annotated[int, typer.Option(min=1, help="Reference times of each event.")] = 5,
    output: Output = None,
) -> None:
    """Share of the grid of events that no echo reaches, and that is not computed."""
    table = TableFile(output, "", of_reach.COLUMNS)
    for file in files:
        if (file.stem,) not in table:
            table.add(of_reach.cells(of_reach.measure(file, times)))
    typer.echo(table)


@app.command("gpu")
def gpu_command(
    output: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
) -> None:
    """Build, check and time bfloat16 sequences as CUDA graphs; without a GPU, say so."""
    if not torch.cuda.is_available():
        typer.echo("There is no GPU here; nothing was measured.")
        return
    from benchmarks.gpu import measure

    result = json.dumps(measure(), indent=2)
    if output:
        output.write_text(result + "\n")
    typer.echo(result)


if __name__ == "__main__":
    run(app, None)
