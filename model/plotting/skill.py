"""A picture of skill: CSI by lead time, one panel a threshold, with the sample beside it.

Where a threshold has too few events, blocks or storms, its lines are faint and the panel says
so: the weather decides them. A method with fewer events than the floor is left out.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from echocast.model.plotting.methods import style_of
from echocast.model.verification.counts import BESIDE_CHALLENGER, FALLBACK, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOO_FEW = "TOO FEW TO TELL"
FAINT = 0.25
LABELS = {
    BESIDE_CHALLENGER: "the same in the challenger's frames",
    FALLBACK: "fallback (where frames were missing)",
}


def skill_png(verification: Mapping[str, Any], title: str) -> bytes:
    """CSI by lead time of every method that has counts.

    Args:
        verification: ``methods`` -> method -> threshold -> ``leads`` with ``lead_minutes``,
            ``csi`` (null where undefined), ``forecasts`` and counts; ``pooled`` counts;
            ``samples`` -> threshold -> ``pixels``, ``blocks``, ``storms``, ``enough``; ``floors``.
        title: Stands above.

    Returns:
        A PNG file.
    """
    buffer = io.BytesIO()
    skill_figure(verification, title).savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def skill_figure(verification: Mapping[str, Any], title: str) -> Figure:
    """The picture of :func:`skill_png`, before it is a file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    thresholds = list(verification["samples"])
    figure = Figure(figsize=(11, 7.6), facecolor="white")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 2, sharex=True).flat
    for panel, threshold in zip(panels, thresholds, strict=False):
        _draw(panel, verification, threshold)
    named = {
        label: handle
        for panel in figure.axes
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    if labels := list(named):
        handles = list(named.values())
        place: dict[str, Any] = {"loc": "lower center", "ncols": len(labels), "frameon": False}
        for handle in figure.legend(handles, labels, **place).legend_handles:
            if handle is not None:
                handle.set_alpha(1)  # faint lines keep their names readable
    figure.suptitle(title, x=0.06, ha="left", fontsize=13, weight="bold")
    figure.subplots_adjust(left=0.06, right=0.985, top=0.89, bottom=0.13, hspace=0.24, wspace=0.12)
    return figure


def _draw(panel: Axes, verification: Mapping[str, Any], threshold: str) -> None:
    highest = 0.0
    sample = verification["samples"][threshold]
    for method, scores in verification["methods"].items():
        leads = [lead for lead in scores[threshold]["leads"] if lead["forecasts"]]
        if not leads or _union(scores[threshold]["pooled"]) < verification["floors"]["pixels"]:
            continue
        csi = [float("nan") if lead["csi"] is None else lead["csi"] for lead in leads]
        minutes = [lead["lead_minutes"] for lead in leads]
        style = style_of(method) | {"alpha": 1.0 if sample["enough"] else FAINT}
        panel.plot(minutes, csi, label=LABELS.get(method, label(method)), **style)
        highest = max([highest, *(value for value in csi if value == value)])
    panel.set_ylim(0, max(0.1, min(1.0, 1.1 * highest)))
    panel.grid(color="0.9")
    panel.spines[["top", "right"]].set_visible(False)
    panel.set_title(f"{threshold} dBZ   {_sample_text(sample)}", fontsize=10, loc="left")
    panel.set_ylabel("CSI")
    panel.set_xlabel("lead time (min)")
    if not panel.lines:
        panel.text(0.5, 0.5, "n/a", transform=panel.transAxes, ha="center")


def _union(counts: Mapping[str, Any]) -> int:
    return int(counts["hits"] + counts["misses"] + counts["false_alarms"])


def _sample_text(sample: Mapping[str, Any]) -> str:
    """How much the panel stands on, and whether that is enough."""
    n = f"n = {sample['pixels']:,} pixels, {sample['blocks']} blocks, {sample['storms']} storms"
    return n if sample["enough"] else f"{n}: {TOO_FEW}"
