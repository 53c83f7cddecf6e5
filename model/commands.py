"""What the command lines of ``model/`` share: options, threads, and how errors are told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import torch
import typer

from model.errors import EchocastError

ModelsDir = Annotated[Path, typer.Option(help="Folder of the models.")]
ModelName = Annotated[str, typer.Option(help="Alias or name/version.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Threads = Annotated[int, typer.Option(help="CPU threads; 0 lets torch choose.")]


def command_line() -> typer.Typer:
    """A command line without commands."""
    return typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def use_threads(threads: int) -> None:
    """Let torch use so many CPU threads; 0 leaves the choice to it."""
    if threads:
        torch.set_num_threads(threads)


def run(app: typer.Typer) -> None:
    """Run a command; an error that we know is one sentence, not a traceback."""
    try:
        app()
    except (EchocastError, OSError) as error:
        sys.exit(f"echocast: {error}")
