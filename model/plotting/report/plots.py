"""Plots of an evaluation: skill by lead time and scale, performance, and probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from echocast.model.plotting.methods import style_of
from echocast.model.plotting.report.tables import FEWEST
from echocast.model.verification.counts import (
    CLASS_MIDDLES,
    FRACTIONS_THRESHOLDS_DBZ,
    STREAM_THRESHOLDS_DBZ,
    THRESHOLDS_DBZ,
    label,
)
from echocast.model.verification.event_scores import EventScores
from echocast.model.verification.probability_scores import in_tenths, roc
from echocast.model.verification.start_counts import SCALES_KM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST_OF_CLASS = 100  # pixels, below which a class of probability is no point of a curve
DIAGONAL: dict[str, Any] = {"color": "#bbb", "lw": 0.8, "zorder": 0}
THRESHOLD_COLOURS = {20.0: "#6baed6", 30.0: "#1c9a6b", 40.0: "#e08a00", 50.0: "#b3001e"}
THRESHOLD_FORMS = {20.0: "-", 30.0: "--", 40.0: "-.", 50.0: ":"}


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.6 * count, 3.8), layout="constrained")
    panels = list(figure.subplots(1, count))
    for axes in panels:
        axes.grid(color="0.92")
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def _legend(figure: Figure, panel: Axes) -> None:
    """One legend for all panels, below them."""
    handles, names = panel.get_legend_handles_labels()
    if names:
        figure.legend(
            handles, names, loc="outside lower center", ncols=min(5, len(names)), frameon=False
        )


def csi_by_lead(scores: EventScores) -> Figure:
    """CSI against lead time, a panel per threshold, and the squared error."""
    figure, (*panels, errors) = _panels(len(STREAM_THRESHOLDS_DBZ) + 1)
    leads = range(len(scores.lead_minutes))
    for method in scores.methods:
        style = {**style_of(method), "label": label(method)}
        for axes, threshold in zip(panels, STREAM_THRESHOLDS_DBZ, strict=True):
            tables = [scores.table(method, threshold, k) for k in leads]
            axes.plot(scores.lead_minutes, [t.critical_success_index for t in tables], **style)
        squared = [scores.mean_squared_error(method, k) for k in leads]
        errors.plot(scores.lead_minutes, squared, **style)
    for axes, threshold in zip(panels, STREAM_THRESHOLDS_DBZ, strict=True):
        axes.set(title=f"CSI, {threshold:g} dBZ", xlabel="lead time / min", ylim=(0, None))
    errors.set(title="MSE / dBZ²", xlabel="lead time / min", ylim=(0, None))
    _legend(figure, errors)
    return figure


def skill_by_scale(scores: EventScores) -> Figure:
    """Fractions skill score against scale, a panel per threshold."""
    figure, panels = _panels(len(FRACTIONS_THRESHOLDS_DBZ))
    for axes, threshold in zip(panels, FRACTIONS_THRESHOLDS_DBZ, strict=True):
        for method in scores.methods:
            values = scores.fractions_skill_score(method, threshold)
            axes.plot(SCALES_KM, values, label=label(method), **style_of(method))
        axes.set(title=f"FSS, {threshold:g} dBZ", xlabel="scale / km", ylim=(0, 1))
        axes.set_xscale("log", base=2)
        axes.set_xticks(SCALES_KM, [str(scale) for scale in SCALES_KM])
        axes.minorticks_off()
    _legend(figure, panels[0])
    return figure


def performance(scores: EventScores) -> Figure:
    """Performance diagram (Roebber, WAF 2009): POD against 1 - FAR, a panel per threshold."""
    figure, panels = _panels(len(STREAM_THRESHOLDS_DBZ))
    x = np.linspace(0.01, 1, 100)
    for axes, threshold in zip(panels, STREAM_THRESHOLDS_DBZ, strict=True):
        for csi in (0.1, 0.3, 0.5, 0.7, 0.9):
            inverse = 1 / csi + 1 - 1 / x
            axes.plot(x, np.where(inverse > 0, 1 / np.maximum(inverse, 1e-9), 2), **DIAGONAL)
        axes.plot([0, 1], [0, 1], **{**DIAGONAL, "ls": ":", "color": "#888"})
        for method in scores.methods:
            table = scores.table(method, threshold)
            style = {"marker": "o", **style_of(method), "linestyle": "none", "markersize": 7}
            point = [1 - table.false_alarm_ratio], [table.probability_of_detection]
            axes.plot(*point, label=label(method), **style)
        axes.set(title=f"{threshold:g} dBZ", xlabel="1 - FAR", xlim=(0, 1), ylim=(0, 1))
    panels[0].set_ylabel("POD")
    _legend(figure, panels[0])
    return figure


def probabilities(scores: EventScores, method: str) -> Figure:
    """Reliability, how often each class was forecast, and the ROC curve of a method."""
    figure, (reliability, pixels, curve) = _panels(3)
    counts = scores.probabilities(method)
    for threshold in STREAM_THRESHOLDS_DBZ:
        t = THRESHOLDS_DBZ.index(threshold)
        if counts.observed(t) < FEWEST:
            continue
        line: dict[str, Any] = {
            "color": THRESHOLD_COLOURS[threshold],
            "ls": THRESHOLD_FORMS[threshold],
        }
        forecast, frequency = counts.reliability(t, fewest=FEWEST_OF_CLASS)
        reliability.plot(forecast, frequency, marker=".", label=f"{threshold:g} dBZ", **line)
        curve.plot(*roc(counts, t), **line)
        pixels.plot(CLASS_MIDDLES, in_tenths(counts, t).sum(1), marker="o", ms=3, **line)
    for axes in (reliability, curve):
        axes.plot([0, 1], [0, 1], **DIAGONAL)
        axes.set(xlim=(0, 1), ylim=(0, 1))
    reliability.set(title="reliability", xlabel="probability", ylabel="observed share")
    curve.set(title="ROC", xlabel="false alarm rate", ylabel="POD")
    pixels.set(title="how often", xlabel="probability", ylabel="pixels", yscale="log", xlim=(0, 1))
    _legend(figure, reliability)
    return figure
