"""How Grafana words and colours a value: legends, overrides, units, thresholds, mappings."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
INK, GROUND = "#dddddd", "#181b1f"
NAMED = {
    "green": "#73bf69",
    "light-green": "#96d98d",
    "red": "#f2495c",
    "light-red": "#ff7383",
    "text": INK,
}


def name_of(target: Json, series: Json) -> str:
    """The legend of a series, as its query words it."""
    legend, labels = target["legendFormat"], series["metric"]
    if legend == "__auto":
        return ", ".join(f"{name}={value}" for name, value in labels.items()) or target["expr"][:30]
    return re.sub(r"\{\{(\w+)\}\}", lambda found: str(labels.get(found[1], "")), legend)


def look_of(panel: Json, name: str) -> Json:
    """Defaults of a panel's fields, and what is other for the field of a name."""
    config = panel["fieldConfig"]
    found = {**config["defaults"]}
    found |= {f"custom.{key}": value for key, value in found.pop("custom", {}).items()}
    for override in config["overrides"]:
        kind, wanted = override["matcher"]["id"], override["matcher"]["options"]
        if wanted == name if kind == "byName" else re.search(wanted, name):
            found |= {one["id"]: one["value"] for one in override["properties"]}
    return found


def colour_of(look: Json, value: float | None) -> str | None:
    """The colour that is fixed, or that the thresholds give a value."""
    colour = look.get("color", {})
    found = colour.get("fixedColor")
    if found is None and value is not None:
        steps = look["thresholds"]["steps"]
        found = [s["color"] for s in steps if s["value"] is None or value >= s["value"]][-1]
    return NAMED.get(found, found) if found else None


def shown_as(look: Json, value: float) -> tuple[str, str]:
    """The words and the colour of a value."""
    for mapping in look["mappings"]:
        options = mapping["options"]
        if mapping["type"] == "special" and math.isnan(value):
            return options["result"]["text"], options["result"]["color"]
        if mapping["type"] == "value" and f"{value:g}" in options:
            chosen = options[f"{value:g}"]
            return chosen["text"], NAMED.get(chosen["color"], chosen["color"])
    return said(value, look), colour_of(look, value) or GROUND


def said(value: float, look: Json) -> str:
    """A value in its unit, as Grafana words it."""
    unit, decimals = look["unit"], look.get("decimals")
    number = f"{value:.{decimals}f}" if decimals is not None else f"{value:.3g}"
    if unit == "percentunit":
        return f"{100 * value:.{decimals or 0}f}%"
    if unit == "dateTimeFromNow":
        days = (datetime.now(UTC).timestamp() - value / 1000) / 86400
        return f"{days:.0f} days ago"
    if unit == "s" and abs(value) >= 60:
        return f"{value / 60:.3g} min" if abs(value) < 3600 else f"{value / 3600:.3g} h"
    if unit == "bytes":
        return f"{value / 2**20:.4g} MiB"
    if unit == "short" and abs(value) >= 1000:
        return f"{value / 1000:.3g} K"
    words = {"none": "", "short": "", "velocityms": " m/s", "reqps": " req/s", "ops": " ops/s"}
    return number + words.get(unit, f" {unit}")
