"""``python -m tests.deploy.draw_dashboard``: a dashboard as a picture, as Grafana lays it out.

For people who change a dashboard and have no Grafana beside them: every panel's expressions are
evaluated by a real Prometheus, and drawn with the panel's title, description, legend, unit,
colours and thresholds. Grafana shows a description at the mark beside a title; here it is below.

    python -m experiments.drift_simulation MONTHS --seeds 1 --scenario worse-model
    python -m tests.deploy.draw_dashboard MONTHS/months/0.json.gz skill.png --scenario worse-model
    python -m tests.deploy.draw_dashboard http://127.0.0.1:9090 skill.png --stream home
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from deploy.grafana.build import FOLDER
from experiments.drift_simulation.commands import _read
from experiments.drift_simulation.months import BEFORE
from tests.deploy.panel_drawing import drawn
from tests.deploy.panel_place import Place
from tests.deploy.simulated_history import remembering

STEPS = 240  # points of a line
DAY = 86400
WIDTH_INCHES, LINE_INCHES = 0.68, 0.4


class Source:
    """Answers of a Prometheus, with the reader's choices put into expressions.

    Args:
        client: Of Prometheus' HTTP API.
        chosen: Values of the dashboard's variables, by name.
        begin: Of the time range, seconds since 1970.
        end: Of the time range.
    """

    def __init__(
        self, client: httpx.Client, chosen: dict[str, str], begin: float, end: float
    ) -> None:
        self._client = client
        self._chosen = {"__rate_interval": "1m", "block": "6h", **chosen}
        self.begin, self.end = begin, end

    def lines(self, expression: str) -> list[dict[str, Any]]:
        """Series over the time range."""
        step = (self.end - self.begin) / STEPS
        times = {"start": self.begin, "end": self.end, "step": step}
        return self._asked("query_range", expression, **times)

    def now(self, expression: str) -> list[dict[str, Any]]:
        """Values at the end of the time range."""
        return self._asked("query", expression, time=self.end)

    def _asked(self, path: str, expression: str, **times: float) -> list[dict[str, Any]]:
        for name, value in self._chosen.items():
            expression = re.sub(rf"\${name}\b", lambda _, value=value: value, expression)
        parameters = {"query": expression, **{name: f"{at:.0f}" for name, at in times.items()}}
        body = self._client.get(f"/api/v1/{path}", params=parameters).json()
        if body["status"] != "success":
            raise typer.BadParameter(f"{body['error']}: {expression}")
        found: list[dict[str, Any]] = body["data"]["result"]
        return found


def draw(board: dict[str, Any], source: Source) -> Figure:
    """A dashboard as a figure."""
    panels = board["panels"]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure = Figure(figsize=(24 * WIDTH_INCHES, height * LINE_INCHES), facecolor="#111217")
    FigureCanvasAgg(figure)
    marks = [(mark, source.lines(mark["expr"])) for mark in board["annotations"]["list"]]
    for panel in panels:
        drawn(figure, panel, Place.of(panel["gridPos"], height), source, marks)
    return figure


def main(
    source: Annotated[str, typer.Argument(help="Address of a Prometheus; or a seed's months.")],
    output: Annotated[Path, typer.Argument(help="Picture to write.")],
    board: str = "skill",
    scenario: Annotated[str, typer.Option(help="Which of the months.")] = "worse-model",
    stream: str = "radar",
    threshold: str = "30",
    lead: str = ".*",
    window: str = "7d",
    days: float = 30,
) -> None:
    """Draw a dashboard."""
    chosen = {"stream": stream, "threshold": threshold, "lead": lead, "window": window}
    described = json.loads((FOLDER / f"{board}.json").read_text())
    if source.startswith("http"):
        with httpx.Client(base_url=source, timeout=120) as client:
            now = time.time()
            figure = draw(described, Source(client, chosen, now - days * DAY, now))
    else:
        months = _read(Path(source))
        with (
            tempfile.TemporaryDirectory() as folder,
            remembering(Path(folder), months[BEFORE], months[scenario]) as (client, end),
        ):
            figure = draw(described, Source(client, chosen, end - days * DAY, end))
    figure.savefig(output, dpi=85, facecolor=figure.get_facecolor())


if __name__ == "__main__":
    typer.run(main)
