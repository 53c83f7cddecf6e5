"""``python -m deploy.grafana.build``: write the dashboards that Grafana is given.

Panels are Python, so that what is the same in forty panels stands in one place; what Grafana reads
is the JSON in ``dashboards/``. A test says when the two differ.
"""

from __future__ import annotations

import json
from pathlib import Path

from deploy.grafana.operations import operations
from deploy.grafana.parts import Json
from deploy.grafana.skill import skill

FOLDER = Path(__file__).parent / "dashboards"


def dashboards() -> dict[str, Json]:
    """The dashboards by file name."""
    return {"skill.json": skill(), "operations.json": operations()}


def text(dashboard: Json) -> str:
    """A dashboard as its file holds it."""
    return json.dumps(dashboard, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write all files."""
    for name, dashboard in dashboards().items():
        (FOLDER / name).write_text(text(dashboard))


if __name__ == "__main__":
    main()
