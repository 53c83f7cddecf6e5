"""Command: a forecast from radar files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from echocast.model.cli.options import (
    Device,
    Json,
    ModelName,
    ModelsDir,
    RadarFiles,
    Threads,
    command_line,
    use_threads,
    utc_time,
)
from echocast.model.cli.reading_options import (
    At,
    Bbox,
    RadiusKm,
    Reduce,
    Stated,
    Variable,
    reading_words,
)
from echocast.model.registry.registry import SHIPPED, RegistryReader

app = command_line()


@app.command("nowcast")
def nowcast_command(
    files: RadarFiles,
    output: Annotated[Path, typer.Option("--output", "-o", help="Forecast NetCDF to write.")],
    reference_time: Annotated[str | None, typer.Option(help="ISO 8601; default: newest.")] = None,
    variable: Variable = None,
    at: At = None,
    radius_km: RadiusKm = None,
    bbox: Bbox = None,
    reduce: Reduce = 1,
    state: Stated = None,
    institution: Annotated[str, typer.Option(help="Who makes the forecast.")] = "",
    models_dir: ModelsDir = SHIPPED,
    model: ModelName = "champion",
    device: Device = "cpu",
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Forecast the frames after the newest of FILES; later frames verify it."""
    from echocast.model.cli.nowcast_files import nowcast_files
    from echocast.model.formats.reading import Reading
    from echocast.model.nowcaster import Nowcaster

    use_threads(threads)
    words = reading_words(at, radius_km, bbox, reduce, state, variable)
    reading = Reading.of_words(**words)
    nowcaster = Nowcaster.load(RegistryReader(models_dir).resolve(model), device)
    summary = nowcast_files(
        nowcaster,
        files,
        output,
        reading=reading,
        reference_time=utc_time(reference_time),
        institution=institution,
    )
    typer.echo(json.dumps(summary) if as_json else f"Wrote {output}.")
    for sentence in summary["quality"].values():
        typer.echo(sentence, err=True)
