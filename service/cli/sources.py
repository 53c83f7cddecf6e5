"""Commands on sources: whose images there are, and whether one can be fetched and read."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from echocast.model.cli.forecast_formats import writable_picture
from echocast.model.cli.help_pages import example
from echocast.model.cli.plain_options import Json
from echocast.model.cli.reading_options import At, Bbox, RadiusKm, Reduce

if TYPE_CHECKING:
    from rich.table import Table

    from echocast.model.formats.reading import Reading
    from echocast.model.frames import Frames
    from echocast.service.fetching.client import ClientSettings
    from echocast.service.sources.source import RadarSource
    from echocast.service.sources.trial import Trial

Name = Annotated[str, typer.Argument(help="Name of the source, of `echocast sources`.")]
Place = Annotated[
    str | None,
    typer.Option("--at", metavar="PLACE", help="Only those whose images show latitude,longitude."),
]
OWN_FILES = (
    "`echocast watch FOLDER --stream NAME --step-minutes 5` feeds files of your own; an agency that"
    " is missing here is one TOML file in the folder that ECHOCAST_SOURCES_DIR names."
)
of_one = typer.Typer(no_args_is_help=True, help="Try a source.")


def install(app: typer.Typer) -> None:
    """Add the commands."""
    text = "echocast sources --at 48.1,11.6"
    app.command(rich_help_panel="Sources", epilog=example(text))(sources)
    app.add_typer(of_one, name="source", rich_help_panel="Sources")


@of_one.callback()
def _of_one() -> None:
    """Makes ``test`` a command of its own, though it is the only one."""


def sources(at: Place = None, as_json: Json = False) -> None:
    """List the sources of radar images: area, step, licence, key, and when they were tried."""
    from rich.console import Console

    chosen = list(_all_sources().values())
    if at is not None:
        from echocast.model.formats.crop import place_of_words

        place = place_of_words(at)
        chosen = [source for source in chosen if source.area.covers(*place)]
    if as_json:
        typer.echo(json.dumps([source.model_dump(mode="json") for source in chosen]))
    elif chosen:
        Console().print(_table(chosen))
    else:
        typer.echo(f"No source shows anything of {at}. {OWN_FILES}")


@of_one.command("test", epilog=example("echocast source test opera --at 48.1,11.6 --png opera.png"))
def try_one(
    name: Name,
    at: At = None,
    radius_km: RadiusKm = None,
    bbox: Bbox = None,
    reduce: Reduce = 1,
    png: Annotated[
        Path | None, typer.Option(help="Draw the image into this file.", callback=writable_picture)
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch the newest image of a source and read it: what was there, and how long it took."""
    from echocast.model.cli.reading_options import reading_words
    from echocast.model.formats.reading import Reading
    from echocast.service.processes.fetcher import client_settings
    from echocast.service.settings import ServiceSettings
    from echocast.service.sources.library import source_named

    source = source_named(name, _all_sources())
    source.check_key(os.environ)
    words = source.read.words() | reading_words(at, radius_km, bbox, reduce, None)
    reading = Reading.of_words(**words, of_stream=True)
    report = fetched_and_read(source, reading, client_settings(ServiceSettings()), png)
    typer.echo(json.dumps(report) if as_json else "\n".join(_lines(source, report)))
    if png is not None:
        typer.echo(f"Drew the image into {png}.", err=True)


def fetched_and_read(
    source: RadarSource, reading: Reading, settings: ClientSettings, png: Path | None
) -> dict[str, Any]:
    """What the newest image of a source holds, as plain JSON values; it is drawn into ``png``.

    Raises:
        SourceError: There is none, or the agency's answers are not what the source says.
        FetchError: It cannot be fetched.
        InputError: It cannot be read.
    """
    from echocast.model.formats.readers import read_frames
    from echocast.service.fetching.client import AgencyClient
    from echocast.service.fetching.turns import HostTurns
    from echocast.service.sources.trial import try_source

    with TemporaryDirectory(prefix="echocast-") as folder:
        with AgencyClient(source, settings, HostTurns()) as client:
            trial = try_source(source, client, Path(folder), datetime.now(UTC))
        started = time.monotonic()
        frames = read_frames([trial.path], reading)
        report = _report(source, trial, frames, reading, time.monotonic() - started)
    if png is not None:
        from echocast.model.plotting.frame_picture import frame_png

        png.write_bytes(frame_png(frames))
    return report


def _report(
    source: RadarSource, trial: Trial, frames: Frames, reading: Reading, reading_seconds: float
) -> dict[str, Any]:
    from echocast.model.formats.inspection import inspected

    read = inspected([trial.path], frames, 1, reading)
    del read["nowcast"]  # of one image none is made
    image = trial.to_json()
    image["seconds"]["read"] = round(reading_seconds, 3)
    terms = source.licence.model_dump()
    return {"source": source.name, "image": image, "licence": terms, "read": read}


def _lines(source: RadarSource, report: Mapping[str, Any]) -> list[str]:
    from echocast.model.formats.inspection_lines import lines_of_reading

    image, seconds = report["image"], report["image"]["seconds"]
    return [
        source.title,
        f"  licence: {source.licence.name}. {source.licence.attribution} {source.licence.url}",
        f"  listed: {image['listed']} images, in {seconds['list']:.1f} s",
        f"  fetched: {image['url']}, {image['bytes'] / 1e6:.2f} MB in {seconds['fetch']:.1f} s",
        f"  read: in {seconds['read']:.1f} s",
        *lines_of_reading(report["read"]),
    ]


def _table(chosen: Sequence[RadarSource]) -> Table:
    """Sources for people."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("source", "what", "every", "licence", "key", "tried"):
        table.add_column(heading, no_wrap=heading in ("source", "every"))
    for source in chosen:
        key = source.key.variable if source.key else "none"
        every, tried = f"{source.step_minutes:g} min", str(source.tried)
        table.add_row(source.name, source.title, every, source.licence.name, key, tried)
    return table


def _all_sources() -> Mapping[str, RadarSource]:
    from echocast.service.settings import ServiceSettings
    from echocast.service.sources.library import all_sources

    return all_sources(ServiceSettings().sources_dir)
