"""Command: a forecast from radar files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from echocast.model.cli.forecast_formats import (
    Shown,
    netcdf_for,
    writable_output,
    write_in_format,
)
from echocast.model.cli.help_pages import command_line, example
from echocast.model.cli.options import (
    Device,
    Leads,
    ModelName,
    ModelsDir,
    Threads,
    use_threads,
)
from echocast.model.cli.plain_options import Json, Quiet, utc_time
from echocast.model.cli.progress import late_progress
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

if TYPE_CHECKING:
    from echocast.model.formats.reading import Reading

EXAMPLES = (
    "echocast nowcast radar/*.h5 --output forecast.nc",
    "echocast nowcast event.nc --reference-time 2026-07-01T12:00Z --output forecast.png",
)

app = command_line()


Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        help="File to write: .nc (NetCDF), .png (maps), .webp (a loop) or .tif (GeoTIFF).",
        callback=writable_output,
    ),
]


@app.command("nowcast", epilog=example(*EXAMPLES))
def nowcast_command(
    files: RadarFiles,
    output: Output,
    reference_time: Annotated[str | None, typer.Option(help="ISO 8601; default: newest.")] = None,
    variable: Variable = None,
    at: At = None,
    radius_km: RadiusKm = None,
    bbox: Bbox = None,
    reduce: Reduce = 1,
    state: Stated = None,
    leads: Leads = None,
    institution: Annotated[str, typer.Option(help="Who makes the forecast.")] = "",
    models_dir: ModelsDir = SHIPPED,
    model: ModelName = "champion",
    device: Device = "cpu",
    threads: Threads = 0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Forecast the frames after the newest of FILES; later frames verify it."""
    from echocast.model.cli.nowcast_files import nowcast_files
    from echocast.model.nowcaster import Nowcaster

    newest = utc_time(reference_time)
    use_threads(threads)
    reading = reading_of(variable, at, radius_km, bbox, reduce, state)
    nowcaster = Nowcaster.load(RegistryReader(models_dir).resolve(model), device)
    with netcdf_for(output) as netcdf:
        with late_progress("Forecasting", quiet=quiet) as shown:
            summary = nowcast_files(
                nowcaster,
                files,
                netcdf,
                reading=reading,
                reference_time=newest,
                leads=leads,
                institution=institution,
                progress=shown.advance,
            )
        if netcdf != output:
            count = nowcaster.input_frames
            write_in_format(output, netcdf, _shown(files, reading, netcdf, count, summary))
    summary["output"] = str(output)
    typer.echo(json.dumps(summary) if as_json else _sentence(summary))
    for note in () if quiet else summary["quality"].values():
        typer.echo(note, err=True)


def _shown(
    files: Sequence[Path], reading: Reading, netcdf: Path, count: int, summary: Mapping[str, Any]
) -> Shown:
    from echocast.model.cli.nowcast_files import later_frames
    from echocast.model.formats.forecast_reader import read_forecast
    from echocast.model.formats.readers import newest, read_frames
    from echocast.model.verification.forecast_scores import Verification

    forecast = read_forecast(netcdf, only_methods=True)
    inputs = read_frames(files, reading, choose=newest(count, forecast.forecast_reference_time))
    scores = summary["verification"]
    verification = None if scores is None else Verification.from_json(scores)
    observed = later_frames(files, reading, forecast.stream())
    return Shown(forecast, inputs, observed, verification)


def _sentence(summary: Mapping[str, Any]) -> str:
    """What was written: frames, times, and the most that is forecast."""
    start = datetime.fromisoformat(summary["forecast_reference_time"])
    ends = summary["lead_minutes"][0], summary["lead_minutes"][-1]
    first, last = (start + timedelta(minutes=minutes) for minutes in ends)
    model, most = "{name}/{version}".format(**summary["model"]), summary["highest_dbz"]
    values = "nothing can be forecast" if most is None else f"at most {most:.1f} dBZ"
    return (
        f"Wrote {summary['output']}: {len(summary['lead_minutes'])} frames from"
        f" {first:%Y-%m-%d %H:%M} to {last:%H:%M} UTC, forecast at {start:%H:%M} by {model},"
        f" {values}."
    )
