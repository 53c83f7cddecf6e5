"""Parts of a Grafana dashboard as plain dictionaries: what is the same in all panels, said once.

Plain dictionaries, because Grafana's JSON is what a reader meets in Grafana, in its manual and in
``dashboards/``; a builder library would be a second vocabulary, pinned to one version of Grafana.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
GREY, GREEN, YELLOW, RED = "#8E8E8E", "green", "#EAB839", "red"
WIDTH = 24
NOT_A_NUMBER = {
    "type": "special",
    "options": {"match": "null+nan", "result": {"text": "n/a", "color": GREY}},
}


def query(expression: str, legend: str = "", *, table: bool = False, instant: bool = False) -> Json:
    """One expression; a table is of one moment."""
    return {
        "datasource": SOURCE,
        "expr": expression,
        "legendFormat": legend or "__auto",
        "format": "table" if table else "time_series",
        "instant": table or instant,
        "range": not (table or instant),
    }


def steps(*colours: str | float) -> Json:
    """Thresholds: a colour, then pairs of a value and the colour from there on."""
    pairs = list(zip(colours[1::2], colours[2::2], strict=True))
    found: list[Json] = [{"color": colours[0], "value": None}]
    found += [{"color": colour, "value": value} for value, colour in pairs]
    return {"mode": "absolute", "steps": found}


def override(name: str, **properties: Any) -> Json:
    """Properties of the series of a name; ``custom__lineWidth`` stands for ``custom.lineWidth``."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [
            {"id": key.replace("__", "."), "value": value} for key, value in properties.items()
        ],
    }


def fixed(colour: str) -> Json:
    """One colour, whatever the value."""
    return {"mode": "fixed", "fixedColor": colour}


def panel(
    kind: str,
    title: str,
    description: str,
    queries: Sequence[Json],
    size: tuple[int, int],
    unit: str,
    *,
    defaults: Mapping[str, Any] | None = None,
    overrides: Sequence[Json] = (),
    options: Mapping[str, Any] | None = None,
    transformations: Sequence[Json] = (),
) -> Json:
    """A panel of any kind.

    Args:
        kind: As Grafana calls it.
        title: Short.
        description: What it shows and what to do; shown at the mark beside the title.
        queries: What it shows.
        size: Width of 24, height.
        unit: As Grafana calls it.
        defaults: More of all its fields.
        overrides: Of some fields.
        options: Of its kind.
        transformations: Of what the queries answer.
    """
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "gridPos": {"w": size[0], "h": size[1]},
        "targets": [{"refId": chr(ord("A") + n), **one} for n, one in enumerate(queries)],
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "noValue": "n/a",
                "mappings": [NOT_A_NUMBER],
                "thresholds": steps(GREEN),
                **(defaults or {}),
            },
            "overrides": list(overrides),
        },
        "options": dict(options or {}),
        "transformations": list(transformations),
    }


def lines(
    title: str,
    description: str,
    queries: Sequence[Json],
    size: tuple[int, int],
    unit: str,
    *,
    limits: Json | None = None,
    overrides: Sequence[Json] = (),
    lowest: float | None = None,
    highest: float | None = None,
    decimals: int | None = None,
) -> Json:
    """Lines over time; a gap stays a gap, and limits are drawn as dashed lines."""
    custom = {
        "lineWidth": 2,
        "fillOpacity": 0,
        "showPoints": "never",
        "spanNulls": False,
        "thresholdsStyle": {"mode": "dashed" if limits else "off"},
    }
    return panel(
        "timeseries",
        title,
        description,
        queries,
        size,
        unit,
        defaults={
            "custom": custom,
            "thresholds": limits or steps(GREEN),
            **_given(min=lowest, max=highest, decimals=decimals),
        },
        overrides=overrides,
        options={
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "none"},
        },
    )


def tile(
    title: str,
    description: str,
    queries: Sequence[Json],
    unit: str,
    colours: Json,
    *,
    width: int = 4,
    text: str = "auto",
    words: Mapping[str, tuple[str, str]] | None = None,
    overrides: Sequence[Json] = (),
    decimals: int | None = None,
) -> Json:
    """A number on a coloured ground, as it is now."""
    return panel(
        "stat",
        title,
        description,
        [{**one, "instant": True, "range": False} for one in queries],
        (width, 5),
        unit,
        defaults={
            "thresholds": colours,
            "color": {"mode": "thresholds"},
            "mappings": [NOT_A_NUMBER, *([_said(words)] if words else [])],
            **_given(decimals=decimals),
        },
        overrides=overrides,
        options={
            "colorMode": "background",
            "graphMode": "none",
            "textMode": text,
            "justifyMode": "center",
            "wideLayout": False,
            "reduceOptions": {"calcs": ["last"], "fields": "", "values": False},
        },
    )


def _given(**values: float | None) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def _said(words: Mapping[str, tuple[str, str]]) -> Json:
    """Values as a word and a colour."""
    options = {value: {"text": word, "color": colour} for value, (word, colour) in words.items()}
    return {"type": "value", "options": options}


def text(content: str, height: int) -> Json:
    """A panel of words."""
    return {
        "type": "text",
        "title": "",
        "description": "",
        "gridPos": {"w": WIDTH, "h": height},
        "options": {"mode": "markdown", "content": content},
    }


def heading(title: str) -> Json:
    """The beginning of a part of the page."""
    return {"type": "row", "title": title, "collapsed": False, "gridPos": {"w": WIDTH, "h": 1}}


def laid_out(panels: Sequence[Json]) -> list[Json]:
    """Panels with ids and places: from left to right, then in the next line."""
    placed, x, y, tallest = [], 0, 0, 0
    for number, one in enumerate(panels, start=1):
        width, height = one["gridPos"]["w"], one["gridPos"]["h"]
        if x + width > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        placed.append({"id": number, **one, "gridPos": {"x": x, "y": y, "w": width, "h": height}})
        x, tallest = x + width, max(tallest, height)
    return placed
