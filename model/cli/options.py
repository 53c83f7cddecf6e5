"""What the commands of ``model/`` share: options, threads, and how errors are shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated

import typer

from echocast.model.errors import EchocastError
from echocast.model.horizon import LEADS, MOST_LEADS
from echocast.model.network.config import PRESETS

EventPaths = Annotated[
    list[Path],
    typer.Argument(help="Events: a radar file each, or a folder of radar files.", exists=True),
]
ModelsDir = Annotated[
    Path, typer.Option(help="Folder of the models.", show_default="the shipped ones")
]
ModelName = Annotated[str, typer.Option(help="Alias or name/version.")]
Leads = Annotated[
    int | None,
    typer.Option(
        help=LEADS,
        min=1,
        max=MOST_LEADS,
        show_default="as many as the network makes",
    ),
]
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


def use_threads(threads: int) -> None:
    """Let torch use so many CPU threads; 0 leaves the choice to it."""
    if threads:
        import torch

        torch.set_num_threads(threads)


def run(app: typer.Typer, name: str | None = "echocast") -> None:
    """Run a command; an error that we know is one sentence, not a traceback.

    Args:
        app: The commands.
        name: What help calls the program; None: as Python was called.
    """
    try:
        app(prog_name=name)
    except (EchocastError, OSError) as error:
        sys.exit(f"echocast: {error}")
