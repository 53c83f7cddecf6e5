"""The Skill dashboard shows a model that got worse, as its reader would see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.deploy.dashboard_files import dashboards, panel_titled, properties
from tests.deploy.simulated_history import STREAM, prometheus_with_history
from tests.deploy.test_dashboards import filled
from tests.model.drift.drift_blocks import blocks

USUAL, WORSE = 90, 40  # blocks
SKILL = dashboards()["skill.json"]


def test_a_worse_model_raises_one_alarm_and_its_charts_pass_their_limit(tmp_path: Path) -> None:
    before = list(blocks(1, USUAL))
    after = list(blocks(1, WORSE, after=USUAL, model=0.0, canary=0.03))
    with prometheus_with_history(tmp_path, before, after) as (client, end):
        alarms = legends(panel_titled(SKILL, "Alarms"), client, end)
        charts = legends(panel_titled(SKILL, "Drift charts"), client, end)
    assert {name: shown(value) for name, value in alarms.items()} == {
        "the model (SkillDrift)": "ALARM",
        "its bias (BiasShift)": "quiet",
        "the input (InputFault)": "quiet",
        "the season (SeasonalDrift)": "quiet",
    }
    assert charts["THE MODEL against the canary"] >= 1
    assert charts["radar: missing frames and pixels"] < 1


def legends(panel: dict[str, Any], client: httpx.Client, end: int) -> dict[str, float]:
    """Values of a panel at a time, by the names that its legend gives them."""
    names, values = properties(panel, "displayName"), {}
    for target in panel["targets"]:
        query = {"query": filled(target["expr"], STREAM, "30"), "time": str(end)}
        for series in client.get("/api/v1/query", params=query).json()["data"]["result"]:
            legend = target["legendFormat"]
            for label, value in series["metric"].items():
                legend = legend.replace(f"{{{{{label}}}}}", value)
            values[names[legend]] = float(series["value"][1])
    return values


def shown(value: float) -> str:
    """The text of a value in the tile of alarms."""
    (texts,) = [
        mapping["options"]
        for mapping in panel_titled(SKILL, "Alarms")["fieldConfig"]["defaults"]["mappings"]
        if mapping["type"] == "value"
    ]
    return str(texts[f"{value:g}"]["text"])
