"""``python -m experiments.drift_simulation FOLDER``: see :mod:`.commands`."""

from __future__ import annotations

import typer

from echocast.model.cli.options import run
from experiments.drift_simulation.commands import simulate

app = typer.Typer(add_completion=False)
app.command()(simulate)

if __name__ == "__main__":
    run(app, None)
