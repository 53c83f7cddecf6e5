"""``python -m echocast.model``: the network's own command line, no server needed.

``echocast`` starts these commands in a process of their own, because it never loads torch itself.
"""

from __future__ import annotations

import os

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # before torch: threads wait briefly, then sleep

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from echocast.model.cli.options import command_line, run

COMMANDS = {  # and the module of model/cli/ of each
    "nowcast": "nowcast",
    "check": "check",
    "windows": "windows",
    "train": "training",
    "untrained": "checkpoints",
    "join": "checkpoints",
    "rebase": "checkpoints",
    "release": "checkpoints",
    "import-weights": "checkpoints",
    "evaluate": "evaluation",
    "calibrate": "evaluation",
    "retrain": "retraining",
    "archive": "retraining",
    "phases": "phases",
}


class Commands(TyperGroup):
    """The commands above; a module is imported only when one of its commands runs."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The command of a name; None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"echocast.model.cli.{COMMANDS[cmd_name]}")
        return typer.main.get_group(module.app).commands[cmd_name]


app = command_line(cls=Commands)


@app.callback()
def commands() -> None:
    """Forecast, train, evaluate and retrain from files, without a server."""


if __name__ == "__main__":
    run(app)
