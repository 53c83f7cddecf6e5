"""The command that reads the whole archive again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path | None, typer.Option(help="Data directory (default ./echocast-data).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Restart = Annotated[bool, typer.Option(help="Begin anew where an earlier one was interrupted.")]


def install(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify-archive")(verify_archive)


def verify_archive(data: Data = None, restart: Restart = False, as_json: Json = False) -> None:
    """Read every file of the archive; name the damaged ones and exit 1 where there are any.

    The service may run meanwhile. Interrupted, the same command goes on where it stopped.
    """
    from echocast.model.cli.progress import progress
    from echocast.workers.settings import WorkerSettings
    from echocast.workers.streams.scrub import Scrub

    settings = WorkerSettings() if data is None else WorkerSettings(data_dir=data)
    scrub = Scrub(settings, restart=restart)
    if scrub.state.files:
        typer.echo(f"Going on after {scrub.state.files} files.", err=True)
    with progress() as bar:
        task = bar.add_task("Verifying the archive", total=scrub.count())
        for _ in scrub.run():
            bar.advance(task)
    files, damaged = scrub.state.files, scrub.state.damaged
    if as_json:
        typer.echo(json.dumps({"files": files, "damaged": damaged}))
    else:
        for path, why in damaged.items():
            typer.echo(f"{path}: {why}")
        typer.echo(f"{files} files were read; {len(damaged)} are damaged.")
    if damaged:
        raise typer.Exit(1)
