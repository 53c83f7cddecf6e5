"""Names of metrics in panels and rules, and those that are not used on purpose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

METRIC = re.compile(r"\bechocast_[a-z0-9_]+")
SUFFIXES = ("_bucket", "_sum", "_count", "_total")
UNUSED = {
    "echocast_stream_paired_skill": "of a fixed day, for scripts; panels compute any window",
    "echocast_stream_frequency_bias": "of a fixed day, for scripts; panels compute any window",
}
UNUSED_PREFIXES = {"echocast_gateway_process_": "the gateway's own CPU, memory and files"}


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The panels of a dashboard that show numbers."""
    return (panel for panel in board["panels"] if panel["type"] not in ("row", "text"))


def names_in(expression: str) -> set[str]:
    """Families that an expression names."""
    return {family(name) for name in METRIC.findall(expression)}


def family(name: str) -> str:
    """Name of the family of a series."""
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name
