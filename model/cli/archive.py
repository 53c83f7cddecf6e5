"""Commands on archives for training: from radar files or a Zarr archive, and to a Zarr archive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from echocast.model.cli.help_pages import command_line, example
from echocast.model.cli.plain_options import Json, Quiet, utc_time
from echocast.model.cli.progress import progress
from echocast.model.cli.reading_options import (
    At,
    Bbox,
    RadiusKm,
    Reduce,
    Stated,
    Variable,
    reading_of,
)
from echocast.model.formats.reading import Reading
from echocast.model.formats.zarr.store import is_zarr
from echocast.model.retraining.config import EventRules

MOST_REASONS = 10  # frames that were left out, each with a sentence; the rest is counted

app = command_line()


@app.callback()
def archive() -> None:
    """The frames of streams, as training data."""


def _there(sources: list[str]) -> list[str]:
    """Sources that are there, as far as a path says: files and folders, or one Zarr archive."""
    for source in sources:
        if is_zarr(source) and len(sources) > 1:
            raise typer.BadParameter(
                f"A Zarr archive comes alone, but {source} is one of {len(sources)} sources."
            )
        if not is_zarr(source) and not Path(source).exists():
            raise typer.BadParameter(f"There is no file or folder {source}.")
    return sources


Sources = Annotated[
    list[str],
    typer.Argument(
        help="Radar files and folders of them; or one Zarr archive, a folder or an address"
        " (s3://...).",
        callback=_there,
    ),
]
Begin = Annotated[str | None, typer.Option(help="Of a Zarr archive: the first time, UTC.")]
End = Annotated[str | None, typer.Option(help="Of a Zarr archive: the last time, UTC.")]
WetShare = Annotated[
    float | None,
    typer.Option(
        help="Of a Zarr archive: share of the pixels at 20 dBZ or more from which a frame is wet;"
        f" 0 writes every frame.  [default: {EventRules().wet_share:g}]",
        min=0,
        max=1,
    ),
]


@app.command(
    "build", epilog=example("echocast archive build radar/*.h5 --stream home --output archive")
)
def build_command(
    sources: Sources,
    output: Annotated[Path, typer.Option(help="Root of the archive to write to.")],
    stream: Annotated[str, typer.Option(help="Name of the stream.")],
    variable: Variable = None,
    at: At = None,
    radius_km: RadiusKm = None,
    bbox: Bbox = None,
    reduce: Reduce = 1,
    state: Stated = None,
    begin: Begin = None,
    end: End = None,
    wet_share: WetShare = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write radar files, all on one grid, or a Zarr archive's events as the frames of a stream."""
    reading = reading_of(variable, at, radius_km, bbox, reduce, state)
    if is_zarr(sources[0]):
        result = _of_zarr(sources[0], output, stream, reading, (begin, end), wet_share, quiet=quiet)
    elif (begin, end, wet_share) == (None, None, None):
        result = _of_files(sources, output, stream, reading, quiet=quiet)
    else:
        raise typer.BadParameter("--begin, --end and --wet-share choose from a Zarr archive.")
    sentence = f"Wrote {result['written']} frames of {stream} to {output}."
    typer.echo(json.dumps(result) if as_json else sentence)
    _echo_left_out(result.get("left_out", {}))


def _of_files(
    sources: list[str], output: Path, stream: str, reading: Reading, *, quiet: bool
) -> dict[str, Any]:
    from echocast.model.formats.event_files import files_of
    from echocast.model.retraining.archive_builder import build

    files = files_of(map(Path, sources))
    with progress(quiet=quiet) as bar:
        built = build(files, reading, output, stream)
        steps = bar.track(built, len(files), description="archive")
        written = sum(steps)
    return {"stream": stream, "written": written}


def _of_zarr(
    url: str,
    output: Path,
    stream: str,
    reading: Reading,
    period: tuple[str | None, str | None],
    wet_share: float | None,
    *,
    quiet: bool,
) -> dict[str, Any]:
    from echocast.model.formats.zarr.archive import open_archive
    from echocast.model.retraining.zarr_events import EventChoice, build_events

    rules = EventRules() if wet_share is None else EventRules(wet_share=wet_share)
    choice = EventChoice(utc_time(period[0]), utc_time(period[1]), rules)
    with open_archive(url, reading) as archive, progress(quiet=quiet) as bar:
        built = build_events(archive, output, stream, choice, bar)
    if not quiet:
        typer.echo(built.sentence(), err=True)
    return {"stream": stream, **built.to_json()}


@app.command("export", epilog=example("echocast archive export archive home.zarr --stream home"))
def export_command(
    store: Annotated[str, typer.Argument(help="Archive with frames of streams: folder or URL.")],
    output: Annotated[
        str, typer.Argument(help="Zarr archive to write: a new folder or address (s3://...).")
    ],
    stream: Annotated[str, typer.Option(help="Name of the stream.")],
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            help="Of the archive, e.g. license=CC-BY-4.0; may be repeated.", metavar="NAME=VALUE"
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the frames of a stream as a Zarr archive in the layout of mlcast."""
    from echocast.model.retraining.frame_archive import FrameArchive
    from echocast.model.retraining.zarr_export import export

    stated = dict(_attribute(pair) for pair in attribute or ())
    with progress(quiet=quiet) as bar:
        exported = export(FrameArchive(store), stream, output, stated, bar)
    result = exported.to_json()
    sentence = f"Wrote {exported.frames} frames of {stream} to {output}."
    typer.echo(json.dumps(result) if as_json else sentence)
    if exported.missing_attributes:
        names = ", ".join(exported.missing_attributes)
        typer.echo(f"For the catalogue of mlcast it needs --attribute for: {names}.", err=True)
    _echo_left_out(result["left_out"])


def _attribute(pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not (name and equals and value):
        raise typer.BadParameter(f"An attribute is NAME=VALUE, not {pair!r}.")
    return name, value


def _echo_left_out(left_out: dict[str, str]) -> None:
    for time, why in list(left_out.items())[:MOST_REASONS]:
        typer.echo(f"Left out {time}: {why}", err=True)
    if len(left_out) > MOST_REASONS:
        typer.echo(f"Left out {len(left_out)} frames in all; --json names each.", err=True)
