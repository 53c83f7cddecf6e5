"""Scores as tables for people: CSI by lead and method, one table per threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table

from echocast.model.verification.counts import FORECAST_THRESHOLDS_DBZ

METHODS = {"model": "MIM", "extrapolation": "extrapolation", "persistence": "persistence"}


def score_tables(scores: Mapping[str, Any]) -> list[Table]:
    """CSI at each threshold; n counts observed events (hits + misses)."""
    return [_table(scores["methods"], f"{threshold:g}") for threshold in FORECAST_THRESHOLDS_DBZ]


def _table(methods: Mapping[str, Any], threshold: str) -> Table:
    title = f"Critical success index, rain of {threshold} dBZ and more"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("lead", *METHODS.values(), "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    rows = [methods[name][threshold] for name in METHODS]
    for cells in zip(*(row["leads"] for row in rows), strict=True):
        table.add_row(f"{cells[0]['lead_minutes']:g} min", *_cells(cells))
    table.add_section()
    table.add_row("all", *_cells([row["pooled"] for row in rows]))
    return table


def _cells(scores: Sequence[Mapping[str, Any]]) -> list[str]:
    events = scores[0]["hits"] + scores[0]["misses"]
    return [*(_number(score["csi"]) for score in scores), str(events)]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
