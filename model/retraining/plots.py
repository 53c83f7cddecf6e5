"""Plots of a retraining, as pictures that stand inside a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from echocast.model.plotting.methods import COLOURS
from echocast.model.plotting.report.page import drawing
from echocast.model.retraining.split import Split
from echocast.model.retraining.verdict import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = {
    "training": "#3b7d3b",
    "calibration": "#e8871e",
    "held_out": COLOURS["challenger"],
    "left_out": "#8a8a8a",
}


def _panel(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    return figure, figure.subplots()


def differences(verdict: Verdict) -> str:
    """The difference in CSI at each threshold with its 90 % interval."""
    figure, axes = _panel(7, 3)
    shown = [check for check in verdict.checks if check.name.endswith("not worse")]
    for row, check in enumerate(shown):
        low, high, middle = (check.numbers.get(key) for key in ("low", "high", "difference"))
        if low is None or high is None or middle is None:
            continue
        colour = "#aaa" if check.passed is None else COLOURS["challenger"]
        axes.plot([low, high], [row, row], color=colour, lw=2)
        axes.plot([middle], [row], color=colour, marker="o", ms=5)
    axes.axvline(0, color="#888", lw=0.8)
    axes.set_yticks(range(len(shown)), [check.name.removesuffix(" not worse") for check in shown])
    axes.set(title="challenger minus champion (grey: too few pixels)", xlabel="difference of CSI")
    axes.invert_yaxis()
    return drawing(figure)


def loss(losses: Sequence[tuple[int, float]]) -> str:
    """The loss of every step, and its running mean."""
    figure, axes = _panel(7, 2.6)
    steps, values = np.array(losses).T
    axes.plot(steps, values, color="#ccc", lw=0.7)
    width = max(1, len(values) // 20)
    smooth = np.convolve(values, np.ones(width) / width, "valid")
    axes.plot(steps[len(steps) - len(smooth) :], smooth, color=COLOURS["challenger"], lw=1.6)
    axes.set(title="training loss", xlabel="step")
    return drawing(figure)


def timeline(split: Split, discontinuities: Sequence[Mapping[str, Any]]) -> str:
    """When the events of each part were, and where segments end."""
    from matplotlib.dates import date2num

    figure, axes = _panel(10, 1.9)
    for row, (part, colour) in enumerate(PARTS.items()):
        for event in getattr(split, part):
            ends = date2num([event.times[0], event.times[-1]])  # type: ignore[no-untyped-call]
            axes.plot(ends, [row, row], color=colour, lw=7, solid_capstyle="butt")
    for item in discontinuities:
        time = datetime.fromisoformat(item["time"])
        at = float(date2num(time))  # type: ignore[no-untyped-call]
        axes.axvline(at, color="#bbb", lw=0.6, zorder=0)
    axes.xaxis_date()
    axes.set_yticks(range(len(PARTS)), [part.replace("_", " ") for part in PARTS])
    axes.set_ylim(len(PARTS) - 0.5, -0.5)
    axes.set_title("events by time, UTC (lines: where runs break)", fontsize=9)
    axes.tick_params(axis="x", labelsize=7)
    return drawing(figure)
