"""Figures that a benchmark measures, and how they are shown while and after it runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from echocast.service.errors import ServiceError

Say = Callable[[str], None]


class BenchmarkFailed(ServiceError):
    """A measurement could not be made."""


@dataclass(frozen=True)
class Measured:
    """One figure: what, how much, and the goal it is judged by."""

    name: str
    value: float | None
    unit: str
    goal: str = ""


def step_progress(console: Console) -> Progress:
    """A line that says which step is under way and since when."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def show(measure: Callable[[Say], Sequence[Measured]], as_json: bool) -> None:
    """Measure, saying which step is under way on standard error; print the figures."""
    with step_progress(Console(stderr=True)) as bar:
        task = bar.add_task("Starting")
        figures = measure(lambda step: bar.update(task, description=step))
    if as_json:
        print(json.dumps({f.name: {"value": f.value, "unit": f.unit} for f in figures}, indent=1))
    else:
        Console().print(_table(figures))


def _table(figures: Sequence[Measured]) -> Table:
    """Figures for people."""
    table = Table(title="Echocast on this machine", title_justify="left")
    for heading, justify in (("what", "left"), ("measured", "right"), ("goal", "right")):
        table.add_column(heading, justify="right" if justify == "right" else "left")
    for figure in figures:
        value = "not known here" if figure.value is None else f"{figure.value:.1f} {figure.unit}"
        table.add_row(figure.name, value, figure.goal)
    return table
