"""``python -m echocast.model``: the commands that need no server.

``echocast`` starts these commands in a process of their own, because it never loads torch itself.
"""

from __future__ import annotations

import os

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # before torch: threads wait briefly, then sleep

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup

from echocast.model.cli.help_pages import command_line
from echocast.model.cli.options import run


class LazyCommands(TyperGroup):
    """Commands whose module is imported only when one of them runs."""

    modules: ClassVar[Mapping[str, str]]
    """Of each command, the module of ``model/cli/``."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The names of all commands."""
        return list(self.modules)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The command of a name; None where there is none."""
        if cmd_name not in self.modules:
            return None
        module = import_module(f"echocast.model.cli.{self.modules[cmd_name]}")
        return typer.main.get_group(module.app).commands[cmd_name]


class TrainCommands(LazyCommands):
    """What makes models by hand."""

    modules: ClassVar = {
        "windows": "windows",
        "network": "training",
        "release": "checkpoints",
        "calibrate": "evaluation",
        "join": "checkpoints",
        "rebase": "checkpoints",
        "import-weights": "checkpoints",
        "untrained": "checkpoints",
    }


class Commands(LazyCommands):
    """All commands."""

    modules: ClassVar = {
        "nowcast": "nowcast",
        "check": "check",
        "evaluate": "evaluation",
        "retrain": "retraining",
        "archive": "retraining",
        "phases": "phases",
    }

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands."""
        return [*super().list_commands(ctx), "train"]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name; None where there is none."""
        if cmd_name == "train":
            return typer.main.get_group(train)
        return super().get_command(ctx, cmd_name)


app = command_line(cls=Commands)
train = command_line(cls=TrainCommands)


@app.callback()
def commands() -> None:
    """Forecast, train, evaluate and retrain from files, without a server."""


@train.callback()
def train_commands() -> None:
    """Make models by hand: cut windows, train a network, choose its decision, release it."""


if __name__ == "__main__":
    run(app)
