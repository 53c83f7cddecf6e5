"""How help pages look: both spellings of help, and an example below each."""

from __future__ import annotations

from typing import Final

import typer
from typer.core import TyperGroup

HELP: Final = {"help_option_names": ["-h", "--help"]}
EXIT_STATUS: Final = (
    "Exit status: 0 done; 1 failed, or something is damaged, and a sentence says what; 2 wrong"
    " words or options; 78 wrong settings, with which starting again cannot help."
)


def example(*lines: str) -> str:
    """The end of a help page.

    Args:
        lines: Each a command as it is typed, from ``echocast`` on.
    """
    return "\n\n".join(["Example:" if len(lines) == 1 else "Examples:", *lines])


def command_line(cls: type[TyperGroup] | None = None) -> typer.Typer:
    """A command line without commands of its own."""
    return typer.Typer(
        cls=cls,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings=HELP,
    )
