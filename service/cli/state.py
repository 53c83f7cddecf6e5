"""Commands that show the state of a service: ``status``, ``streams`` and ``doctor``."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime

import typer

from echocast.model.cli.help_pages import example
from echocast.model.cli.plain_options import Json
from echocast.service.cli.options import Data, KeyFile, Url, client_of, service_settings

PANEL = "Serve"


def install(app: typer.Typer) -> None:
    """Add the commands."""
    for command, text in (
        (status, "echocast status --url https://radar.example.org --key-file key.txt"),
        (streams, "echocast streams --json"),
        (doctor, "echocast doctor"),
    ):
        app.command(rich_help_panel=PANEL, epilog=example(text))(command)


def status(url: Url = None, key_file: KeyFile = None, as_json: Json = False) -> None:
    """Say whether a service is ready, with its workers, model and streams; exit 1 where not."""
    from echocast.service.client.service_state import service_state

    with client_of(service_settings(), url, key_file) as client:
        state = service_state(client)
    lines = state.lines(datetime.now(UTC))
    typer.echo(json.dumps(asdict(state)) if as_json else "\n".join(lines))
    if not state.ready:
        raise typer.Exit(1)


def streams(url: Url = None, key_file: KeyFile = None, as_json: Json = False) -> None:
    """List the streams of a service: step, newest frame, latest forecast, source."""
    from echocast.service.client.service_state import stream_lines, streams_of

    with client_of(service_settings(), url, key_file) as client:
        views = streams_of(client)
    lines = stream_lines(views, datetime.now(UTC))
    typer.echo(json.dumps(views) if as_json else "\n".join(lines))


def doctor(
    url: Url = None, key_file: KeyFile = None, data: Data = None, as_json: Json = False
) -> None:
    """Look for what is wrong with a service and its machine, and say what to do; exit 1 if bad."""
    from echocast.service.cli.doctor import Severity, findings
    from echocast.service.client.service_state import ServiceState, service_state

    settings = service_settings(data_dir=data)

    def ask() -> ServiceState:
        with client_of(settings, url, key_file) as client:
            return service_state(client)

    all_findings = list(findings(settings, os.environ, ask))
    lines = "\n".join(finding.line() for finding in all_findings)
    typer.echo(json.dumps([asdict(finding) for finding in all_findings]) if as_json else lines)
    if any(finding.level is Severity.BAD for finding in all_findings):
        raise typer.Exit(1)
