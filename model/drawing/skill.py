"""A picture of skill: CSI by lead time, one panel a threshold, with the sample beside it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES: dict[str, dict[str, Any]] = {
    "model": {"color": "#0b3c8c", "linewidth": 2.4, "marker": "o"},
    "canary": {"color": "#e6a700", "linewidth": 1.2, "linestyle": (0, (1, 1.5))},
    "extrapolation": {"color": "#c0392b", "linewidth": 1.5, "linestyle": "--"},
    "decoded_extrapolation": {"color": "#1b8a5a", "linewidth": 1.5},
    "persistence": {"color": "#7f7f7f", "linewidth": 1.5, "linestyle": ":"},
    "fallback": {"color": "#7d3c98", "linewidth": 1.0, "linestyle": "-."},
}
LABELS = {
    "decoded_extrapolation": "decoded extrapolation",
    "fallback": "fallback (where frames were missing)",
}


def skill_png(verification: Mapping[str, Any], title: str) -> bytes:
    """CSI by lead time of every method that has counts.

    Args:
        verification: ``methods`` -> method -> threshold -> ``leads`` with ``lead_minutes``,
            ``csi`` (null where undefined), ``forecasts`` and counts; ``pooled`` counts.
        title: Stands above.

    Returns:
        A PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    methods = verification["methods"]
    thresholds = list(next(iter(methods.values()), {}))
    figure = Figure(figsize=(11, 7.6), facecolor="white")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 2, sharex=True).flat
    for panel, threshold in zip(panels, thresholds, strict=False):
        _draw(panel, methods, threshold)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False)
    figure.suptitle(title, x=0.06, ha="left", fontsize=13, weight="bold")
    figure.subplots_adjust(left=0.06, right=0.985, top=0.89, bottom=0.13, hspace=0.24, wspace=0.12)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def _draw(panel: Axes, methods: Mapping[str, Any], threshold: str) -> None:
    highest = 0.0
    for method, scores in methods.items():
        leads = [lead for lead in scores[threshold]["leads"] if lead["forecasts"]]
        if not leads:
            continue
        csi = [float("nan") if lead["csi"] is None else lead["csi"] for lead in leads]
        minutes = [lead["lead_minutes"] for lead in leads]
        style: dict[str, Any] = STYLES.get(method, {})
        panel.plot(minutes, csi, label=LABELS.get(method, method), markersize=4, **style)
        highest = max([highest, *(value for value in csi if value == value)])
    panel.set_ylim(0, max(0.1, min(1.0, 1.1 * highest)))
    panel.grid(color="0.9")
    panel.spines[["top", "right"]].set_visible(False)
    panel.set_title(f"{threshold} dBZ   {_sample(methods, threshold)}", fontsize=10, loc="left")
    panel.set_ylabel("CSI")
    panel.set_xlabel("lead time (min)")
    if not panel.lines:
        panel.text(0.5, 0.5, "nothing verified yet", transform=panel.transAxes, ha="center")


def _sample(methods: Mapping[str, Any], threshold: str) -> str:
    """How much the panel rests on, of the first method that has counts."""
    for scores in methods.values():
        leads = scores[threshold]["leads"]
        if forecasts := sum(lead["forecasts"] for lead in leads):
            pooled = scores[threshold]["pooled"]
            events = pooled["hits"] + pooled["misses"]
            return f"n = {forecasts} forecast frames, {events:,} pixels observed so"
    return "n = 0"
