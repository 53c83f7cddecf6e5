"""The picture of a dashboard shows what its reader would see in Grafana."""

from __future__ import annotations

from pathlib import Path

from deploy.grafana.build import dashboards
from tests.deploy.draw_dashboard import DAY, Source, draw
from tests.deploy.simulated_history import remembering
from tests.model.drift.drift_blocks import blocks

USUAL, WORSE = 90, 40


def test_a_worse_model_is_seen_in_the_picture(tmp_path: Path) -> None:
    board = dashboards()["skill.json"]
    before = list(blocks(1, USUAL))
    after = list(blocks(1, WORSE, after=USUAL, model=0.0, canary=0.03))
    chosen = {"stream": "radar", "threshold": "30", "lead": ".*", "window": "7d"}
    with remembering(tmp_path, before, after) as (client, end):
        figure = draw(board, Source(client, chosen, end - 30 * DAY, end))
    said = [text.get_text() for axes in figure.axes for text in axes.texts]
    for panel in board["panels"]:
        assert any(panel["title"] in text for text in said), panel["title"]
    assert said.count("ALARM") == 1
    legends = {
        text.get_text()
        for axes in figure.axes
        if (legend := axes.get_legend())
        for text in legend.get_texts()
    }
    assert {"THE MODEL (serves)", "THE MODEL against the canary"} <= legends
    [alarmed] = [
        axes
        for axes in figure.axes
        if any(t.get_text().split() == ["the", "model", "(SkillDrift)"] for t in axes.texts)
    ]
    assert "ALARM" in [text.get_text() for text in alarmed.texts]
