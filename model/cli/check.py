"""``echocast check``: what a reader sees in radar files, in words, JSON and a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from echocast.model.cli.options import Json, RadarFiles, command_line
from echocast.model.cli.reading_options import (
    At,
    Bbox,
    RadiusKm,
    Reduce,
    Stated,
    Variable,
    reading_words,
)
from echocast.model.registry.reader import RegistryReader
from echocast.model.registry.registry import SHIPPED

app = command_line()


@app.command("check")
def check_command(
    files: RadarFiles,
    variable: Variable = None,
    at: At = None,
    radius_km: RadiusKm = None,
    bbox: Bbox = None,
    reduce: Reduce = 1,
    state: Stated = None,
    png: Annotated[Path | None, typer.Option(help="Draw the newest frame into this file.")] = None,
    as_json: Json = False,
) -> None:
    """Say what Echocast reads in FILES: values, times, place, and what was decided."""
    from echocast.model.formats.inspection import inspected
    from echocast.model.formats.readers import read_frames
    from echocast.model.formats.reading import Reading

    needed = RegistryReader(SHIPPED).network().input_frames
    words = reading_words(at, radius_km, bbox, reduce, state, variable)
    reading = Reading.of_words(**words)
    frames = read_frames(files, reading)
    report = inspected(files, frames, needed, reading)
    typer.echo(json.dumps(report) if as_json else "\n".join(lines(report)))
    if png is not None:
        from echocast.model.plotting.frame_picture import frame_png

        png.write_bytes(frame_png(frames))
        typer.echo(f"Drew the newest frame into {png}.", err=True)


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """A report for people.

    Args:
        report: Of :func:`.inspection.inspected`.
    """
    for file in report["files"]:
        yield (
            f"{file['name']}: {file['kind']}, {file['variable']} in {file['units']},"
            f" {file['times']} frame{'s' * (file['times'] != 1)}"
        )
    yield from _facts(report)
    for subject, sentence in report["quality"].items():
        yield f"  note ({subject}): {sentence}"
    verdict = report["nowcast"]
    yield f"  nowcast: {'accepted' if verdict['accepted'] else 'refused'}. {verdict['why']}"


def _facts(report: Mapping[str, Any]) -> Iterator[str]:
    times, grid, shares = report["times"], report["grid"], report["shares"]
    step = times["step_minutes"]
    yield f"  times: {times['first']} to {times['last']}" + (
        "" if step is None else f", every {step:g} minutes"
    )
    size = "of unknown size" if grid["pixel_km"] is None else f"of {grid['pixel_km']:g} km"
    yield f"  grid: {grid['rows']} x {grid['columns']} pixels {size}, {_projection(grid)}"
    if "geospatial_lat_min" in grid:
        yield (
            f"  place: {grid['geospatial_lat_min']:g} to {grid['geospatial_lat_max']:g} north,"
            f" {grid['geospatial_lon_min']:g} to {grid['geospatial_lon_max']:g} east"
        )
    yield "  pixels: " + ", ".join(f"{share:.1%} {name}" for name, share in shares.items())
    weakest = report["weakest_echo_dbz"]
    strongest = [value for value in report["strongest_dbz"] if value is not None]
    echoes = "none" if weakest is None else f"{weakest:g} to {max(strongest):g} dBZ"
    yield f"  echoes: {echoes}; dry is {report['no_rain_dbz']:g} dBZ"
    yield f"  Z-R: Z = {report['zr']['a']:g} R^{report['zr']['b']:g}"
    for name, text in report["provenance"].items():
        yield f"  {name}: {text}"


def _projection(grid: Mapping[str, Any]) -> str:
    names = {"1": "at an unknown place", "degree": "longitude and latitude"}
    return grid["projection"] or names.get(grid["units"], "without a projection")
