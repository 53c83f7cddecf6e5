"""Where a panel stands on the page that a dashboard is drawn on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.deploy.panel_words import GROUND, Json


@dataclass(frozen=True)
class Place:
    """Where a panel is, in shares of the figure, and its size in Grafana's units."""

    left: float
    bottom: float
    width: float
    height: float
    columns: int
    lines: float

    @classmethod
    def of(cls, grid: Json, lines: float) -> Self:
        """The place of a panel on a page of so many lines."""
        bottom = 1 - (grid["y"] + grid["h"]) / lines
        size = grid["w"] / 24, grid["h"] / lines
        return cls(grid["x"] / 24, bottom, *size, grid["w"], grid["h"])

    def axes(self, figure: Figure, top: float, bottom: float, side: float = 0.55) -> Axes:
        """Axes inside, with so much free above, below and beside, in Grafana's units."""
        unit = self.height / self.lines
        return figure.add_axes(
            (
                self.left + side / 24,
                self.bottom + bottom * unit,
                self.width - (side + 0.25) / 24,
                self.height - (top + bottom) * unit,
            ),
            facecolor=GROUND,
        )
