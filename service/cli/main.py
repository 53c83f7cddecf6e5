"""The ``echocast`` command. It never loads the network itself: it starts processes that do.

Each command imports what it needs when it runs: ``--help`` loads neither settings nor arrays.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from echocast import __version__
from echocast.model.cli.help_pages import EXIT_STATUS, HELP, example
from echocast.model.errors import EchocastError
from echocast.service.cli import archive, keys, models, sources, state, streams
from echocast.service.cli.installed import check_service_installed, service_needed
from echocast.service.cli.options import Data, Json, service_settings

KNOWN = (EchocastError, OSError, ValueError)  # errors that end a command by one sentence
USE, SERVE, JUDGE, MAKE = "Use", "Serve", "Judge", "Make models"
app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=HELP,
    help="Precipitation nowcasting: ten radar frames in, the next ten out.",
    epilog=EXIT_STATUS,
)
Host = Annotated[str | None, typer.Option(help="Address to listen on (default 127.0.0.1).")]
Port = Annotated[int | None, typer.Option(help="Port to listen on (default 8000).")]
Workers = Annotated[int | None, typer.Option(help="Processes that share the CPUs (default 1).")]
Sources = Annotated[
    list[str] | None,
    typer.Option("--source", help="Whose images are fetched; may be repeated (echocast sources)."),
]
FetchAt = Annotated[
    str | None, typer.Option("--at", metavar="LAT,LON", help="Only around this place.")
]
FetchRadius = Annotated[
    float | None, typer.Option("--radius-km", help="How far around it (default 200).")
]


class Subject(StrEnum):
    """What is measured."""

    NOWCAST = "nowcast"
    PAGE = "page"


WITHOUT_SERVER: dict[str, Any] = {"ignore_unknown_options": True, "help_option_names": []}
Arguments = Annotated[list[str] | None, typer.Argument(metavar="FILES...")]


@app.command(context_settings=WITHOUT_SERVER, rich_help_panel=USE)
def nowcast(arguments: Arguments = None) -> None:
    """Forecast from radar files without a server; see `echocast nowcast --help`."""
    from echocast.workers.settings import WorkerSettings

    models = ["--models-dir", str(WorkerSettings().models_root)]
    run_model(["nowcast", *models, *(arguments or ["--help"])])


@app.command(context_settings=WITHOUT_SERVER, rich_help_panel=USE)
def check(arguments: Arguments = None) -> None:
    """Say what is read in radar files; see `echocast check --help`."""
    run_model(["check", *(arguments or ["--help"])])


@app.command(rich_help_panel=USE, epilog=example("echocast demo --output demo-output"))
def demo(
    files: Annotated[list[Path] | None, typer.Argument(help="Your own radar files.")] = None,
    output: Annotated[Path, typer.Option(help="Directory to write to.")] = Path("demo-output"),
    as_json: Json = False,
) -> None:
    """Run the main job through HTTP on this machine, start to end."""
    from echocast.service.demo.demo import run_demo

    run_demo(files or [], output, as_json)


@app.command(
    rich_help_panel=SERVE,
    epilog=example("echocast up --source opera --at 48.1,11.6", "echocast up --demo"),
)
def up(
    host: Host = None,
    port: Port = None,
    data: Data = None,
    workers: Workers = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="Run trainer and beat too.")] = False,
    source: Sources = None,
    at: FetchAt = None,
    radius_km: FetchRadius = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Play a drawn storm as the live stream 'demo'.")
    ] = False,
) -> None:
    """Run gateway, worker and embedded engine until Ctrl-C; with --source, also what fetches."""
    from echocast.service.processes.up import run_service

    fetching = _fetching(source, at, radius_km)
    with _log_of("up") as say:
        settings = service_settings(
            host=host, port=port, data_dir=data, workers=workers, **fetching
        )
        run_service(settings, say, retrains=retrain, plays=demo)


@app.command(
    rich_help_panel=SERVE,
    epilog=example("echocast fetch --source opera --at 48.1,11.6 --url http://127.0.0.1:8000"),
)
def fetch(
    source: Sources = None,
    at: FetchAt = None,
    radius_km: FetchRadius = None,
    stream: Annotated[
        str | None, typer.Option(help="Stream of the frames (default: the source's name).")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Base URL of the service (default: this machine).")
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(help="File with the API key to send (default: the one in ECHOCAST_KEY)."),
    ] = None,
    data: Data = None,
) -> None:
    """Fetch the images of agencies into streams of a running service, until Ctrl-C."""
    given = _fetching(source, at, radius_km)
    given |= {"fetch_stream": stream, "fetch_url": url, "fetch_key_file": key_file}
    _become("echocast.service.processes.fetcher", data, **given)


@app.command(rich_help_panel=SERVE, epilog=example("echocast mqtt"))
def mqtt(data: Data = None) -> None:
    """Publish the rain at places for Home Assistant (ECHOCAST_MQTT_URL, ECHOCAST_MQTT_PLACES)."""
    _become("echocast.service.processes.mqtt", data)


@app.command(rich_help_panel=SERVE, epilog=example("echocast notify"))
def notify(data: Data = None) -> None:
    """Send messages about rain by the rules of a running service (ECHOCAST_NOTIFY_HOSTS)."""
    _become("echocast.service.processes.notifier", data)


def _fetching(source: list[str] | None, at: str | None, radius_km: float | None) -> dict[str, Any]:
    """Options of fetching as settings."""
    names = ",".join(source) if source else None
    return {"fetch_sources": names, "fetch_at": at, "fetch_radius_km": radius_km}


@app.command(rich_help_panel=SERVE, epilog=example("echocast gateway --port 8000"))
def gateway(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Run one gateway against ECHOCAST_REDIS_URL."""
    _become("echocast.service.processes.gateway", data, host=host, port=port)


@app.command(rich_help_panel=SERVE, epilog=example("echocast worker"))
def worker(data: Data = None) -> None:
    """Run one worker against ECHOCAST_REDIS_URL."""
    _become("echocast.workers", data)


@app.command(rich_help_panel=SERVE, epilog=example("echocast trainer"))
def trainer(data: Data = None) -> None:
    """Run one trainer against ECHOCAST_REDIS_URL: it retrains when asked."""
    _become("echocast.workers.retraining.trainer", data)


@app.command(rich_help_panel=SERVE, epilog=example("echocast beat"))
def beat(data: Data = None) -> None:
    """Run the schedule against ECHOCAST_REDIS_URL: it asks for retrainings."""
    _become("echocast.workers.retraining.beat", data)


def _become(module: str, data: Path | None, **given: Any) -> None:
    """Go on as ``python -m module``, whose settings are those of the environment."""
    for name, value in {"data_dir": data, **given}.items():
        if value is not None:
            os.environ[f"ECHOCAST_{name.upper()}"] = str(value)
    with _log_of(module.rpartition(".")[2]):
        run_model([], module)


@app.command(rich_help_panel=SERVE, epilog=example("echocast prometheus --key-file key.txt"))
def prometheus(
    host: Host = None,
    port: Port = None,
    key_file: Annotated[
        Path | None, typer.Option(help="File with an API key of scope read, where there are keys.")
    ] = None,
) -> None:
    """Print a configuration of Prometheus for `echocast up`, with the alert rules."""
    from echocast.service.metrics.prometheus import configuration
    from echocast.service.processes.listening import url_of

    settings = service_settings(host=host, port=port)
    target = url_of(settings.host, settings.port).removeprefix("http://")
    typer.echo(configuration(target, key_file, settings.public_url), nl=False)


@app.command(rich_help_panel=JUDGE, epilog=example("echocast benchmark page --json"))
def benchmark(
    what: Annotated[
        Subject, typer.Argument(help="nowcast: the whole chain; page: tiles and the page.")
    ] = Subject.NOWCAST,
    as_json: Json = False,
    preset: Annotated[
        str, typer.Option(help="Measure an untrained network of this preset, e.g. radar.")
    ] = "",
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the CPUs.")] = 1,
) -> None:
    """Measure start times, overhead, throughput and memory; or tiles and page."""
    from echocast.service.benchmark.chain import run_benchmark
    from echocast.service.benchmark.page import run_page_benchmark

    if what is Subject.PAGE:
        run_page_benchmark(as_json)
    else:
        run_benchmark(as_json, preset, workers)


app.add_typer(keys.app, name="key", rich_help_panel=SERVE)

OFFLINE = {
    "evaluate": (JUDGE, "Score a model beside its references on whole events."),
    "retrain": (
        MAKE,
        "Train a challenger, judge it beside the champion, and record the verdict.",
    ),
    "archive": (MAKE, "Build an archive for retraining from radar files."),
    "train": (MAKE, "Make models by hand: cut windows, train a network, release it."),
}


def _offline(name: str, panel: str, summary: str) -> None:
    """A command of ``python -m echocast.model``; all arguments are passed on."""
    settings = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

    @app.command(name, help=summary, context_settings=settings, rich_help_panel=panel)
    def command(context: typer.Context) -> None:
        run_model([name, *context.args])


state.install(app)
streams.install(app)
sources.install(app)
archive.install(app)
models.install(app)
for _name, (_panel, _summary) in OFFLINE.items():
    _offline(_name, _panel, _summary)


@app.command("version", rich_help_panel=USE, epilog=example("echocast version"))
def print_version(as_json: Json = False) -> None:
    """Print the version."""
    typer.echo(json.dumps({"echocast": __version__}) if as_json else f"echocast {__version__}")


def _version_and_end(requested: bool) -> None:
    if requested:
        print_version()
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version_and_end, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options that stand before every command."""


def run_model(arguments: list[str], module: str = "echocast.model") -> None:
    """Replace this process by ``python -m echocast.model`` or a part of it."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])


@contextmanager
def _log_of(role: str) -> Iterator[Callable[[str], None]]:
    """A context with the log of a process; gives what says a sentence, as ``ECHOCAST_LOG`` asks.

    As JSON every sentence is a line of the log, also the one that ends the command. Settings that
    are unknown are named before those that are wrong end it.
    """
    from echocast.service.settings import unknown_settings
    from echocast.workers.runtime.log_lines import log_to_stderr

    log, as_json = logging.getLogger("echocast"), os.environ.get("ECHOCAST_LOG") == "json"
    if as_json:
        log_to_stderr(role, "json")
    for sentence in unknown_settings(os.environ):
        log.warning(sentence) if as_json else typer.echo(f"echocast: {sentence}", err=True)
    try:
        check_service_installed()
        yield log.info if as_json else typer.echo
    except KNOWN as error:
        if not as_json:
            raise
        log.error(_sentence(error))
        raise SystemExit(_exit_code(error)) from None


def main() -> None:
    """Run a command; an error that we know is one sentence, not a traceback."""
    from echocast.workers.runtime.threads import limit_libraries

    limit_libraries()
    try:
        with service_needed():
            app(prog_name="echocast")
    except KNOWN as error:
        typer.echo(f"echocast: {_sentence(error)}", err=True)
        sys.exit(_exit_code(error))


def _sentence(error: Exception) -> str:
    """What is wrong; an error that we do not know is raised again."""
    from pydantic import ValidationError

    from echocast.workers.runtime.refusal import sentence

    if not isinstance(error, EchocastError | OSError | ValidationError):
        raise error
    return sentence(error)


def _exit_code(error: Exception) -> int:
    """Whether to start the same command again may help."""
    from echocast.service.errors import StartRefused
    from echocast.workers.runtime.refusal import REFUSED, WRONG_CONFIGURATION

    return REFUSED if isinstance(error, (*WRONG_CONFIGURATION, StartRefused)) else 1


if __name__ == "__main__":
    main()
