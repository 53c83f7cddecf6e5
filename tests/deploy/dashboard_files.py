"""The dashboards as Grafana reads them, and the metrics that their panels and the rules name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.deploy.prometheus_files import ROOT

FOLDER = ROOT / "deploy" / "grafana" / "dashboards"
METRIC = re.compile(r"\bechocast_[a-z0-9_]+")
SUFFIXES = ("_bucket", "_sum", "_count", "_total")
UNUSED = {
    "echocast_source_last_success_timestamp_seconds": "for scripts; panels show the time since",
    "echocast_build_info": "versions of every process, to be joined with other metrics",
    "echocast_stream_paired_skill": "of a fixed day, for scripts; panels compute any window",
    "echocast_stream_frequency_bias": "of a fixed day, for scripts; panels compute any window",
}
UNUSED_PREFIXES = {
    "echocast_gateway_process_": "the gateway's own CPU, memory and files",
}


def dashboards() -> dict[str, dict[str, Any]]:
    """The dashboards by file name."""
    return {path.name: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The panels of a dashboard that show numbers."""
    return (panel for panel in board["panels"] if panel["type"] not in ("row", "text"))


def panel_titled(board: dict[str, Any], beginning: str) -> dict[str, Any]:
    """The panel whose title begins so."""
    (panel,) = [panel for panel in panels(board) if panel["title"].startswith(beginning)]
    return panel


def properties(panel: dict[str, Any], name: str) -> dict[str, Any]:
    """What overrides set, by series: e.g. ``custom.lineWidth`` of each."""
    return {
        override["matcher"]["options"]: one["value"]
        for override in panel["fieldConfig"]["overrides"]
        for one in override["properties"]
        if one["id"] == name
    }


def names_in(expression: str) -> set[str]:
    """Families that an expression names."""
    return {family(name) for name in METRIC.findall(expression)}


def family(name: str) -> str:
    """Name of the family of a series."""
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name
