"""Command: training windows from radar files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, cast

import typer

from echocast.model.cli.help_pages import command_line, example
from echocast.model.cli.plain_options import Quiet
from echocast.model.cli.progress import progress
from echocast.model.network.config import Coordinates

EXAMPLE = "echocast train windows plan.json --data radar --output windows"

app = command_line()


@app.command("windows", epilog=example(EXAMPLE))
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
    quiet: Quiet = False,
) -> None:
    """Extract training windows from radar files."""
    from echocast.model.training.window_plan import gather
    from echocast.model.training.windows import CropConfig, WindowStore

    crop = CropConfig(cast(Coordinates, coordinates), drift)
    windows = []
    with progress(quiet=quiet) as bar:
        task = bar.add_task("windows", total=None)
        for part in gather(json.loads(plan.read_text()), data, seed, crop):
            windows += part
            bar.update(task, description=f"{len(windows)} windows")
    WindowStore.save(output, windows)
    typer.echo(f"Wrote {len(windows)} windows to {output}.")
