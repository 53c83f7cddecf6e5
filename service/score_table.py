"""Scores as a table for people: CSI by lead, method and threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

METHODS = {"model": "MIM", "extrapolation": "extrapolation", "persistence": "persistence"}
THRESHOLDS = ("30", "40", "50")


def score_table(scores: Mapping[str, Any]) -> Table:
    """CSI at each threshold by lead, with n: observed events (hits + misses)."""
    table = Table(title="Critical success index (best 1; n: pixels with rain >= threshold)")
    table.add_column("lead", justify="right")
    for threshold in THRESHOLDS:
        for name in METHODS.values():
            table.add_column(f"{threshold} dBZ\n{name}", justify="right")
        table.add_column("\nn", justify="right")
    methods = scores["methods"]
    for index, lead in enumerate(methods["model"]["30"]["leads"]):
        cells = [methods[m][t]["leads"][index] for t in THRESHOLDS for m in METHODS]
        table.add_row(f"{lead['lead_minutes']:g} min", *_row(cells))
    pooled = [methods[m][t]["pooled"] for t in THRESHOLDS for m in METHODS]
    table.add_section()
    table.add_row("all", *_row(pooled))
    return table


def _row(cells: list[Mapping[str, Any]]) -> list[str]:
    row: list[str] = []
    for first in range(0, len(cells), len(METHODS)):
        group = cells[first : first + len(METHODS)]
        row += [_number(cell["csi"]) for cell in group]
        row.append(f"{group[0]['hits'] + group[0]['misses']}")
    return row


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
