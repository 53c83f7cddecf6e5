"""Commands that start processes of the service, or become one."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from echocast.model.cli.help_pages import example
from echocast.service.cli.installed import check_service_installed
from echocast.service.cli.known_errors import KNOWN, exit_code, sentence_of
from echocast.service.cli.options import Data, Host, KeyFile, Port, Url, service_settings

PANEL = "Serve"
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


def install(app: typer.Typer) -> None:
    """Add the commands."""
    for command, epilog in (
        (up, example("echocast up --source opera --at 48.1,11.6", "echocast up --demo")),
        (
            fetch,
            example("echocast fetch --source opera --at 48.1,11.6 --url http://127.0.0.1:8000"),
        ),
        (mqtt, example("echocast mqtt")),
        (notify, example("echocast notify")),
        (gateway, example("echocast gateway --port 8000")),
        (worker, example("echocast worker")),
        (trainer, example("echocast trainer")),
        (beat, example("echocast beat")),
    ):
        app.command(rich_help_panel=PANEL, epilog=epilog)(command)


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
    with log_of("up") as say:
        settings = service_settings(
            host=host, port=port, data_dir=data, workers=workers, **fetching
        )
        run_service(settings, say, retrains=retrain, plays=demo)


def fetch(
    source: Sources = None,
    at: FetchAt = None,
    radius_km: FetchRadius = None,
    stream: Annotated[
        str | None, typer.Option(help="Stream of the frames (default: the source's name).")
    ] = None,
    url: Url = None,
    key_file: KeyFile = None,
    data: Data = None,
) -> None:
    """Fetch the images of agencies into streams of a running service, until Ctrl-C."""
    given = _fetching(source, at, radius_km)
    given |= {"fetch_stream": stream, "fetch_url": url, "fetch_key_file": key_file}
    _become("echocast.service.processes.fetcher", data, **given)


def mqtt(data: Data = None) -> None:
    """Publish the rain at places for Home Assistant (ECHOCAST_MQTT_URL, ECHOCAST_MQTT_PLACES)."""
    _become("echocast.service.processes.mqtt", data)


def notify(data: Data = None) -> None:
    """Send messages about rain by the rules of a running service (ECHOCAST_NOTIFY_HOSTS)."""
    _become("echocast.service.processes.notifier", data)


def _fetching(source: list[str] | None, at: str | None, radius_km: float | None) -> dict[str, Any]:
    """Options of fetching as settings."""
    names = ",".join(source) if source else None
    return {"fetch_sources": names, "fetch_at": at, "fetch_radius_km": radius_km}


def gateway(host: Host = None, port: Port = None, data: Data = None) -> None:
    """Run one gateway against ECHOCAST_REDIS_URL."""
    _become("echocast.service.processes.gateway", data, host=host, port=port)


def worker(data: Data = None) -> None:
    """Run one worker against ECHOCAST_REDIS_URL."""
    _become("echocast.workers", data)


def trainer(data: Data = None) -> None:
    """Run one trainer against ECHOCAST_REDIS_URL: it retrains when asked."""
    _become("echocast.workers.retraining.trainer", data)


def beat(data: Data = None) -> None:
    """Run the schedule against ECHOCAST_REDIS_URL: it asks for retrainings."""
    _become("echocast.workers.retraining.beat", data)


def _become(module: str, data: Path | None, **given: Any) -> None:
    """Go on as ``python -m module``, whose settings are those of the environment."""
    for name, value in {"data_dir": data, **given}.items():
        if value is not None:
            os.environ[f"ECHOCAST_{name.upper()}"] = str(value)
    with log_of(module.rpartition(".")[2]):
        run_model([], module)


def run_model(arguments: list[str], module: str = "echocast.model") -> None:
    """Replace this process by ``python -m echocast.model`` or a part of it."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])


@contextmanager
def log_of(role: str) -> Iterator[Callable[[str], None]]:
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
        log.error(sentence_of(error))
        raise SystemExit(exit_code(error)) from None
