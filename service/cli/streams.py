"""Commands on streams: feed, replay, pause and delete them, make the engine's sums again."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from echocast.model.cli.help_pages import example
from echocast.model.cli.plain_options import Json, Quiet
from echocast.model.cli.reading_options import (
    At,
    Bbox,
    RadarFiles,
    RadiusKm,
    Reduce,
    Stated,
    reading_words,
)
from echocast.service.cli.options import Data, KeyFile, Url, client_of, service_data
from echocast.service.client.errors import ServiceAway

if TYPE_CHECKING:
    from echocast.service.client.feed import Declared, Feeder

Stream = Annotated[str, typer.Option("--stream", help="Name of the stream.")]
FORECAST_SECONDS = 300.0
Name = Annotated[str, typer.Argument(help="Name of the stream.")]

of_one = typer.Typer(no_args_is_help=True, help="Pause, resume or delete a stream.")


def install(app: typer.Typer) -> None:
    """Add the commands."""
    for command, text in (
        (watch, "echocast watch incoming --stream home --step-minutes 5"),
        (replay, "echocast replay event/*.nc --stream past --speed 60"),
        (reindex, "echocast reindex --recount"),
    ):
        app.command(rich_help_panel="Streams", epilog=example(text))(command)
    app.add_typer(of_one, name="stream", rich_help_panel="Streams")


@of_one.command(epilog=example("echocast stream pause home"))
def pause(name: Name, url: Url = None, key_file: KeyFile = None) -> None:
    """Refuse frames of a stream, and have no alert about it, until it is resumed."""
    with _feeder(name, url, key_file) as feeder:
        feeder.pause(paused=True)
    typer.echo(f"The stream {name!r} is paused.")


@of_one.command(epilog=example("echocast stream resume home"))
def resume(name: Name, url: Url = None, key_file: KeyFile = None) -> None:
    """Take frames of a stream again."""
    with _feeder(name, url, key_file) as feeder:
        feeder.pause(paused=False)
    typer.echo(f"The stream {name!r} takes frames again.")


@of_one.command(epilog=example("echocast stream delete home --yes"))
def delete(
    name: Name,
    url: Url = None,
    key_file: KeyFile = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a stream with its frames, forecasts, scores and metrics."""
    if not yes:
        typer.confirm(f"Delete the stream {name!r} with all that is stored of it?", abort=True)
    with _feeder(name, url, key_file) as feeder:
        feeder.delete()
    typer.echo(f"The stream {name!r} is deleted.")


@contextmanager
def _feeder(name: str, url: str | None, key_file: Path | None) -> Iterator[Feeder]:
    from echocast.service.client.feed import Feeder
    from echocast.service.settings import ServiceSettings

    with client_of(ServiceSettings(), url, key_file) as client:
        yield Feeder(client, name, patience_seconds=0, say=_say)


def watch(
    directory: Annotated[Path, typer.Argument(help="Where radar files appear.", exists=True)],
    stream: Stream,
    step_minutes: Annotated[
        float | None, typer.Option(help="Step of a stream that is not declared yet.")
    ] = None,
    at: At = None,
    radius_km: RadiusKm = None,
    bbox: Bbox = None,
    reduce: Reduce = 1,
    state: Stated = None,
    url: Url = None,
    key_file: KeyFile = None,
    quiet_seconds: Annotated[
        float, typer.Option("--settle-seconds", help="A file is read once unchanged for so long.")
    ] = 1.0,
) -> None:
    """Feed files into a stream as they appear; each once, also across restarts."""
    from echocast.service.client.feed import Feeder
    from echocast.service.client.ledger import Ledger
    from echocast.service.client.watch import Watcher
    from echocast.service.settings import ServiceSettings

    stop, settings = threading.Event(), ServiceSettings()
    ledger = Ledger(settings.data_dir / "watch", directory, stream)
    with closing(ledger), client_of(settings, url, key_file) as client:
        feeder = Feeder(client, stream, say=_say)
        reading = reading_words(at, radius_km, bbox, reduce, state)
        while (declared := _declared(feeder, step_minutes, reading)) is None:
            pass
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        typer.echo(f"Watching {directory} for the stream {stream!r} (Ctrl-C stops it).")
        Watcher(feeder, ledger, directory, typer.echo, quiet_seconds, declared).run(stop)


def _declared(
    feeder: Feeder, step_minutes: float | None, reading: Mapping[str, Any]
) -> Declared | None:
    """The stream, once the service answers; None where it did not for long."""
    try:
        return feeder.declare(step_minutes, reading)
    except ServiceAway as error:
        _say(str(error))
        return None


def replay(
    files: RadarFiles,
    stream: Stream,
    speed: Annotated[
        float,
        typer.Option(
            min=0,
            help="1 is real time; 0: each frame as soon as the last forecast is ready.",
        ),
    ] = 0.0,
    url: Url = None,
    key_file: KeyFile = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Feed an archive into a stream as if it were live; an undeclared stream is declared."""
    from echocast.service.client.feed import Feeder, frames_of, one_by_one
    from echocast.service.settings import ServiceSettings

    frames = frames_of(files)
    with client_of(ServiceSettings(), url, key_file) as client:
        feeder = Feeder(client, stream, say=_say)
        feeder.declare(round(frames.step.total_seconds()) / 60)
        started, outcomes, missing = time.monotonic(), list[str](), 0
        for frame in one_by_one(frames):
            _await_turn(started, frames.times[0], frame.times[0], speed)
            answer = feeder.send(frame)
            outcomes.append(answer["outcome"])
            if not speed and not answer["late"]:
                place = datetime.fromisoformat(answer["time"])
                missing += not feeder.await_forecast(place, FORECAST_SECONDS)
            if not (as_json or quiet):
                typer.echo(f"{answer['time']}  {answer['outcome']}")
    seconds = time.monotonic() - started
    report = {"frames": len(outcomes), "without_forecast": missing, "seconds": round(seconds, 3)}
    report |= {outcome: outcomes.count(outcome) for outcome in ("created", "same", "replaced")}
    typer.echo(json.dumps(report) if as_json else f"Replayed {len(outcomes)} frames.")


def _await_turn(started: float, first: datetime, this: datetime, speed: float) -> None:
    if speed:
        due = started + (this - first).total_seconds() / speed
        time.sleep(max(0.0, due - time.monotonic()))


def reindex(
    recount: Annotated[
        bool, typer.Option(help="Count everything again and compare with what is stored.")
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make the engine's sums of all streams again from the files; exit 1 where some are damaged."""
    from echocast.workers.streams.reindex import reindex_all

    results = reindex_all(service_data(data), recount=recount)
    if as_json:
        typer.echo(json.dumps({name: result.__dict__ for name, result in results.items()}))
    else:
        for name, result in results.items():
            typer.echo(f"{name}: {result}")
    if any(result.differing or result.damaged for result in results.values()):
        raise typer.Exit(1)


def _say(line: str) -> None:
    typer.echo(line, err=True)
