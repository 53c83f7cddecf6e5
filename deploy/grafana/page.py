"""A whole dashboard: its variables, annotations and one time range."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.grafana.parts import SOURCE, Json, laid_out
from echocast.model.plotting.methods import COLOURS

PIXELS = "echocast_stream_verification_pixels_total"
WINDOWS = ("3d", "7d", "14d", "30d", "90d")  # fewer than ten blocks of six hours tell nothing
BLOCK = "6h"


def dashboard(
    uid: str, title: str, panels: Sequence[Json], variables: Sequence[Json], since: str
) -> Json:
    """A dashboard as Grafana reads it.

    Args:
        uid: Part of its address.
        title: Its name.
        panels: In reading order.
        variables: What the reader may choose, besides the data source.
        since: Beginning of the time range, e.g. ``now-7d``.
    """
    return {
        "uid": uid,
        "title": title,
        "tags": ["echocast"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "time": {"from": since, "to": "now"},
        "timezone": "utc",
        "refresh": "1m",
        "templating": {"list": [_data_source(), *variables]},
        "annotations": {"list": marks()},
        "links": [
            {
                "type": "dashboards",
                "title": "Echocast",
                "tags": ["echocast"],
                "asDropdown": False,
                "keepTime": True,
                "includeVars": False,
            }
        ],
        "panels": laid_out(panels),
    }


def _data_source() -> Json:
    return {"name": "datasource", "label": "Source", "type": "datasource", "query": "prometheus"}


def choice(name: str, label: str, values: str, *, several: bool = False, first: str = "") -> Json:
    """A variable whose values are those of a label.

    Args:
        name: As expressions name it.
        label: As the reader sees it.
        values: Query of the values.
        several: Whether more than one may be chosen, and all are at first.
        first: What is chosen at first.
    """
    every = {"text": "All", "value": "$__all"}
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": values, "refId": name},
        "refresh": 2,
        "sort": 3,
        "multi": several,
        "includeAll": several,
        "allValue": ".*" if several else None,
        "current": every if several else {"text": first, "value": first},
    }


def window(first: str) -> Json:
    """How far back each point looks."""
    return {
        "name": "window",
        "label": "Each point covers the last",
        "type": "custom",
        "query": ",".join(WINDOWS),
        "options": [{"text": w, "value": w, "selected": w == first} for w in WINDOWS],
        "current": {"text": first, "value": first},
    }


def block() -> Json:
    """The length of a block, which is not to be chosen."""
    return {
        "name": "block",
        "type": "constant",
        "hide": 2,
        "query": BLOCK,
        "current": {"text": BLOCK, "value": BLOCK},
    }


def marks() -> list[Json]:
    """Marks in all panels over time: deployments, promotions, alerts."""
    return [
        _mark(
            "Deployments",
            "#B877D9",
            "max by (version) (echocast_software_since_timestamp_seconds) * 1000",
            "The service started",
            "version {{version}}",
            at_value=True,
        ),
        _mark(
            "Promotions",
            COLOURS["model"],
            "max by (name, version) (echocast_registry_champion_since_timestamp_seconds) * 1000",
            "A model began to serve",
            "{{name}}/{{version}}",
            at_value=True,
        ),
        _mark(
            "Alerts",
            "red",
            'max by (alertname, stream) (ALERTS{alertname=~"Echocast.*", alertstate="firing"})',
            "{{alertname}}",
            "{{stream}}: see deploy/runbook.md",
            at_value=False,
        ),
    ]


def _mark(name: str, colour: str, expr: str, title: str, words: str, *, at_value: bool) -> Json:
    return {
        "name": name,
        "datasource": SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "expr": expr,
        "step": "60s",
        "titleFormat": title,
        "textFormat": words,
        "useValueForTime": at_value,
    }
