"""What a run came to: JSON for machines, Markdown for people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Report:
    """A run.

    Args:
        seed: Of the schedule.
        seconds: How long it took.
        done: What was done, by kind: how often.
        answers: By action, status and kind of problem: how many.
        figures: What was counted at the end.
        faults: What was lost or wrong; empty: nothing.
    """

    seed: int
    seconds: float
    done: dict[str, int]
    answers: dict[str, int]
    figures: dict[str, Any]
    faults: list[str]

    def write(self, folder: Path) -> None:
        """Write both files."""
        (folder / "report.json").write_text(json.dumps(self.__dict__, indent=1))
        (folder / "report.md").write_text(self.markdown())

    def markdown(self) -> str:
        """The run as a document."""
        outcome = f"{len(self.faults)} faults" if self.faults else "nothing was lost"
        return "\n".join(
            [
                f"# Chaos with seed {self.seed}: {outcome}",
                "",
                f"{self.seconds:.0f} seconds.",
                "",
                *(f"* {fault}" for fault in self.faults),
                *_table("What was done", self.done),
                *_table("What was counted at the end", _flat(self.figures)),
                *_table("Answers", self.answers),
                "",
            ]
        )


def _table(title: str, values: dict[str, Any]) -> list[str]:
    rows = [f"| {name} | {value} |" for name, value in values.items()]
    return ["", f"## {title}", "", "| | |", "|---|---|", *rows]


def _flat(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures of figures get names of both."""
    flat: dict[str, Any] = {}
    for name, value in figures.items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        flat |= {f"{name}: {key}" if key else name: one for key, one in inner}
    return flat
