"""The ``echocast`` command. It never loads the network itself: it starts processes that do.

Each command imports what it needs when it runs: ``--help`` loads neither settings nor arrays.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from echocast import __version__
from echocast.model.cli.help_pages import EXIT_STATUS, HELP, example
from echocast.model.cli.plain_options import Json
from echocast.service.cli import archive, keys, models, processes, sources, state, streams
from echocast.service.cli.installed import service_needed
from echocast.service.cli.known_errors import KNOWN, exit_code, sentence_of
from echocast.service.cli.options import Host, Port, service_settings
from echocast.service.cli.processes import run_model

USE, SERVE, JUDGE, MAKE = "Use", "Serve", "Judge", "Make models"
app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=HELP,
    help="Precipitation nowcasting: ten radar frames in, the next ten out.",
    epilog=EXIT_STATUS,
)


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


processes.install(app)


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


def main() -> None:
    """Run a command; an error that we know is one sentence, not a traceback."""
    from echocast.workers.runtime.threads import limit_libraries

    limit_libraries()
    try:
        with service_needed():
            app(prog_name="echocast")
    except KNOWN as error:
        typer.echo(f"echocast: {sentence_of(error)}", err=True)
        sys.exit(exit_code(error))


if __name__ == "__main__":
    main()
