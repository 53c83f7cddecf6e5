"""What the commands of ``model/`` share: options, threads, and how errors are shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from echocast.model.errors import EchocastError
from echocast.model.network.config import PRESETS

RadarFiles = Annotated[
    list[Path], typer.Argument(help="Radar files, any order.", exists=True, dir_okay=False)
]
EventPaths = Annotated[
    list[Path],
    typer.Argument(help="Events: a radar file each, or a folder of radar files.", exists=True),
]
OURS = (["nowcast"], ["check"])  # also commands of `echocast`

ModelsDir = Annotated[Path, typer.Option(help="Folder of the models.")]
ModelName = Annotated[str, typer.Option(help="Alias or name/version.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Threads = Annotated[int, typer.Option(min=0, max=1024, help="CPU threads; 0 lets torch choose.")]


def known_device(name: str) -> str:
    """A device that is there.

    Raises:
        BadParameter: It is unknown, or not on this machine.
    """
    kind, colon, number = name.partition(":")
    if name == "cpu":
        return name
    if kind != "cuda" or (colon and not number.isdecimal()):
        raise typer.BadParameter(f"A device is cpu, cuda or cuda:n, not {name!r}.")
    import torch

    there = torch.cuda.device_count()
    if int(number or 0) >= there:
        raise typer.BadParameter(f"There is no {name}: torch sees {there} GPUs on this machine.")
    return name


Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:n.", callback=known_device)]


def one_of(what: str, names: Collection[str]) -> Callable[[str | None], str | None]:
    """A callback that accepts a known name, or None where none is given."""

    def check(name: str | None) -> str | None:
        if name is not None and name not in names:
            raise typer.BadParameter(f"A {what} is one of {', '.join(names)}, not {name!r}.")
        return name

    return check


Preset = Annotated[
    str, typer.Option(help=f"One of {', '.join(PRESETS)}.", callback=one_of("preset", PRESETS))
]


def utc_time(text: str | None) -> datetime | None:
    """A time in ISO 8601, UTC where it has no zone; None where none is given.

    Raises:
        BadParameter: It is no such time.
    """
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"A time looks like 2026-07-01T12:00Z, not {text!r}.") from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def command_line(cls: type[TyperGroup] | None = None) -> typer.Typer:
    """A command line without commands of its own."""
    return typer.Typer(
        cls=cls, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False
    )


def use_threads(threads: int) -> None:
    """Let torch use so many CPU threads; 0 leaves the choice to it."""
    if threads:
        import torch

        torch.set_num_threads(threads)


def run(app: typer.Typer) -> None:
    """Run a command; an error that we know is one sentence, not a traceback."""
    ours = "echocast" if sys.argv[1:2] in OURS else None  # else as Python calls it
    try:
        app(prog_name=ours)
    except (EchocastError, OSError) as error:
        sys.exit(f"echocast: {error}")
