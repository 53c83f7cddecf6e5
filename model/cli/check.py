"""``echocast check``: what a reader sees in radar files, in words, JSON and a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from echocast.model.cli.forecast_formats import writable_picture
from echocast.model.cli.help_pages import command_line, example
from echocast.model.cli.plain_options import Json
from echocast.model.cli.reading_options import (
    At,
    Bbox,
    RadarFiles,
    RadiusKm,
    Reduce,
    Stated,
    Variable,
    reading_of,
)
from echocast.model.registry.reader import SHIPPED, RegistryReader

app = command_line()


@app.command("check", epilog=example("echocast check radar/*.h5 --png newest.png"))
def check_command(
    files: RadarFiles,
    variable: Variable = None,
    at: At = None,
    radius_km: RadiusKm = None,
    bbox: Bbox = None,
    reduce: Reduce = 1,
    state: Stated = None,
    png: Annotated[
        Path | None,
        typer.Option(help="Draw the newest frame into this file.", callback=writable_picture),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what Echocast reads in FILES: values, times, place, and what was decided."""
    from echocast.model.formats.inspection import inspected
    from echocast.model.formats.inspection_lines import lines
    from echocast.model.formats.readers import read_frames

    needed = RegistryReader(SHIPPED).network().input_frames
    reading = reading_of(variable, at, radius_km, bbox, reduce, state)
    frames = read_frames(files, reading)
    report = inspected(files, frames, needed, reading)
    typer.echo(json.dumps(report) if as_json else "\n".join(lines(report)))
    if png is not None:
        from echocast.model.plotting.frame_picture import frame_png

        png.write_bytes(frame_png(frames))
        typer.echo(f"Drew the newest frame into {png}.", err=True)
