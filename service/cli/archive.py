"""The command that reads the whole archive again."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from echocast.model.cli.help_pages import example
from echocast.model.cli.plain_options import Json, Quiet
from echocast.service.cli.options import Data, service_data

Restart = Annotated[bool, typer.Option(help="Begin anew where an earlier one was interrupted.")]


def install(app: typer.Typer) -> None:
    """Add the command."""
    text = "echocast verify-archive --data echocast-data"
    app.command("verify-archive", rich_help_panel="Judge", epilog=example(text))(verify_archive)


def verify_archive(
    data: Data = None, restart: Restart = False, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Read every file of the archive; name the damaged ones and exit 1 where there are any.

    The service may run meanwhile. Interrupted, the same command goes on where it stopped.
    """
    from echocast.model.cli.progress import progress
    from echocast.workers.streams.scrub import Scrub

    scrub = Scrub(service_data(data), restart=restart)
    if scrub.state.files and not quiet:
        typer.echo(f"Going on after {scrub.state.files} files.", err=True)
    with progress(quiet=quiet) as bar:
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
