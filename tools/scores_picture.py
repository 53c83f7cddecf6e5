"""The README's picture of scores, drawn from the table of docs/how-good.md.

    python -m tools.scores_picture

The picture carries the table, so that a test sees when it is no longer that of the document.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from echocast.model.plotting.methods import colour_of
from echocast.model.verification.counts import EXTRAPOLATION, MODEL, PYSTEPS_SPROG

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT: Final = Path(__file__).parents[1]
DOCUMENT: Final = ROOT / "docs" / "how-good.md"
PICTURE: Final = ROOT / "docs" / "scores.png"
HEAD: Final = "| threshold (observed pixels) |"
METHODS: Final = (MODEL, PYSTEPS_SPROG, EXTRAPOLATION)  # the rows of the table
WIDTH: Final = 0.27


class Table(NamedTuple):
    """Scores by method and threshold.

    Args:
        thresholds: With the pixels that were observed to reach them.
        scores: Method -> critical success index and frequency bias, by threshold.
    """

    thresholds: list[str]
    scores: dict[str, list[tuple[float, float]]]


def table_text(document: str) -> str:
    """The lines of the table in a document."""
    after = document[document.index(HEAD) :]
    return after[: after.index("\n\n")]


def table_of(text: str) -> Table:
    """What the lines of the table say."""
    head, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in text.split("\n"))
    scores = {
        name.strip("*"): [(float(csi), float(bias)) for csi, bias in map(_halves, cells)]
        for name, *cells in rows
    }
    return Table(head[1:], scores)


def _halves(cell: str) -> list[str]:
    return re.split(r"\s*/\s*", cell)


def draw(text: str, path: Path) -> None:
    """Draw a table as bars, with the bias above each.

    Args:
        text: Its lines.
        path: The new PNG file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), facecolor="white", layout="constrained")
    axes, table = figure.subplots(), table_of(text)
    _draw_bars(axes, table)
    axes.set_xticks(
        range(len(table.thresholds)), [t.replace(" (", "\n(") for t in table.thresholds]
    )
    axes.set(
        ylabel="critical success index", ylim=(0, 0.75), xlim=(-0.6, len(table.thresholds) - 0.4)
    )
    axes.set_title("Higher is better. Above each bar: frequency bias, 1 is right.", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110, metadata={"Description": text})


def _draw_bars(axes: Axes, table: Table) -> None:
    for number, (method, scores) in enumerate(table.scores.items()):
        places = [at + (number - 1) * WIDTH for at in range(len(scores))]
        bars = axes.bar(
            places,
            [csi for csi, _ in scores],
            WIDTH,
            label=method,
            color=colour_of(METHODS[number]),
        )
        axes.bar_label(bars, [f"{bias:.2f}" for _, bias in scores], fontsize=9, color="0.3")


if __name__ == "__main__":
    draw(table_text(DOCUMENT.read_text()), PICTURE)
