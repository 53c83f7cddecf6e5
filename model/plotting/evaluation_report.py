"""The report of an evaluation: a table, CSV, JSON, and one page with plots."""

from __future__ import annotations

import base64
import csv
import html
import io
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from echocast.model.plotting.methods import colour_of
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import (
    FRACTIONS_THRESHOLDS_DBZ,
    STREAM_THRESHOLDS_DBZ,
    label,
)
from echocast.model.verification.event_scores import SCALES_KM, EventScores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST = 1000  # pixels in the union of forecast and observed events below which a CSI is grey

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; color: #222 }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0 }}
td, th {{ padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #ddd }}
td:first-child, th:first-child {{ text-align: left }}
img {{ max-width: 100% }}
.few {{ color: #aaa }} .best {{ font-weight: 700 }} small {{ color: #666 }}
</style>
<h1>{title}</h1>{body}</html>"""
COLUMNS = (
    *("event", "method", "threshold_dbz", "lead_minutes"),
    *("hits", "misses", "false_alarms", "correct_negatives", "csi", "bias", "mse_dbz2"),
)


def to_json(model: str, stride: int, events: Sequence[EventScores]) -> dict[str, Any]:
    """All scores of all events as plain JSON."""
    return {"model": model, "stride": stride, "events": {e.event: e.to_json() for e in events}}


def markdown(events: Sequence[EventScores]) -> str:
    """The pooled scores as a table for people."""
    head = " | ".join(f"CSI-{threshold:g} (bias; n)" for threshold in STREAM_THRESHOLDS_DBZ)
    lines = [f"| event (forecasts) | method | MSE dBZ² | {head} |"]
    lines.append("|---" * (3 + len(STREAM_THRESHOLDS_DBZ)) + "|")
    for event in events:
        for method in event.methods:
            tables = [event.table(method, threshold) for threshold in STREAM_THRESHOLDS_DBZ]
            cells = " | ".join(_cell(table) for table in tables)
            error = event.mean_squared_error(method)
            name = f"{event.event} ({len(event.starts)})"
            lines.append(f"| {name} | {label(method)} | {error:.1f} | {cells} |")
    return "\n".join(lines)


def _cell(table: ContingencyTable) -> str:
    """CSI with bias and the number of pixels in the union of forecast and observed events."""
    n = table.union
    if not n:
        return "n/a (n=0)"
    bias = table.frequency_bias
    shown = "n/a" if not np.isfinite(bias) else f"{bias:.2f}"
    return f"{table.critical_success_index:.3f} ({shown}; {n})"


def write(folder: Path, model: str, stride: int, events: Sequence[EventScores]) -> None:
    """Write ``scores.json``, ``scores.csv`` and ``index.html``.

    Args:
        folder: Made if need be.
        model: Name and version of the model.
        stride: Frames between reference times.
        events: What was counted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scores.json").write_text(json.dumps(to_json(model, stride, events), indent=1))
    with (folder / "scores.csv").open("w", newline="") as file:
        _write_rows(csv.writer(file), events)
    body = "".join(_event_section(event) for event in events)
    (folder / "index.html").write_text(
        PAGE.format(title=f"Skill of {html.escape(model)}", body=body)
    )


def _write_rows(rows: Any, events: Sequence[EventScores]) -> None:
    rows.writerow(COLUMNS)
    for event, threshold in itertools.product(events, STREAM_THRESHOLDS_DBZ):
        for method, k in itertools.product(event.methods, range(len(event.lead_minutes))):
            table = event.table(method, threshold, k)
            rows.writerow(
                [
                    *(event.event, label(method), threshold, event.lead_minutes[k]),
                    *table.to_json().values(),
                    *(table.critical_success_index, table.frequency_bias),
                    event.mean_squared_error(method, k),
                ]
            )


def _event_section(event: EventScores) -> str:
    span = f"{event.lead_minutes[0]:g} to {event.lead_minutes[-1]:g} min"
    return (
        f"<h2>{html.escape(event.event)}</h2><p>{len(event.starts)} forecasts, leads {span},"
        f" {event.pixels:,} pixels, the same for all methods. Grey: fewer than {FEWEST} pixels in"
        " the union of forecast and observed events.</p>"
        + _score_table(event)
        + _difference_table(event)
        + "".join(
            f'<img alt="{name}" src="{picture(plot(event))}">' for name, plot in PLOTS.items()
        )
    )


def _score_table(event: EventScores) -> str:
    head = "".join(
        f"<th>CSI-{threshold:g} <small>bias</small></th>" for threshold in STREAM_THRESHOLDS_DBZ
    )
    best = [
        max((event.table(m, t).critical_success_index for m in event.methods), default=np.nan)
        for t in STREAM_THRESHOLDS_DBZ
    ]
    rows = []
    for method in event.methods:
        cells = [f"<td>{event.mean_squared_error(method):.1f}</td>"]
        for threshold, top in zip(STREAM_THRESHOLDS_DBZ, best, strict=True):
            table = event.table(method, threshold)
            csi, few = table.critical_success_index, table.union < FEWEST
            kind = "few" if few else "best" if csi == top else ""
            shown = (
                "n/a" if np.isnan(csi) else f"{csi:.3f} <small>{table.frequency_bias:.2f}</small>"
            )
            cells.append(f'<td class="{kind}">{shown}</td>')
        rows.append(f"<tr><td>{html.escape(label(method))}</td>{''.join(cells)}</tr>")
    return f"<table><tr><th>method</th><th>MSE dBZ²</th>{head}</tr>{''.join(rows)}</table>"


def _difference(value: float, low: float, high: float) -> str:
    if np.isnan(value):
        return "n/a"
    return f"{value:+.3f} <small>{low:+.3f} to {high:+.3f}</small>"


def _difference_table(event: EventScores) -> str:
    rows = []
    for reference in event.methods[2:]:
        differences = (event.csi_difference("model", reference, t) for t in STREAM_THRESHOLDS_DBZ)
        cells = "".join(f"<td>{_difference(*difference)}</td>" for difference in differences)
        rows.append(f"<tr><td>{html.escape(label(reference))}</td>{cells}</tr>")
    head = "".join(f"<th>CSI-{threshold:g}</th>" for threshold in STREAM_THRESHOLDS_DBZ)
    return (
        "<p>CSI of the model minus that of each reference, with the 90 % interval from resampled"
        " hours of this event (it says nothing of other events):</p>"
        f"<table><tr><th>minus</th>{head}</tr>{''.join(rows)}</table>"
    )


def picture(figure: Figure) -> str:
    """A figure as it stands inside a page."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * count, 3.4))
    return figure, list(np.atleast_1d(figure.subplots(1, count)))


def csi_by_lead(event: EventScores) -> Figure:
    """CSI against lead time, a panel per threshold."""
    figure, panels = _panels(len(STREAM_THRESHOLDS_DBZ))
    for axes, threshold in zip(panels, STREAM_THRESHOLDS_DBZ, strict=True):
        for method in event.methods:
            tables = [event.table(method, threshold, k) for k in range(len(event.lead_minutes))]
            values = [table.critical_success_index for table in tables]
            axes.plot(
                event.lead_minutes, values, color=colour_of(method), label=label(method), lw=1.6
            )
        axes.set(title=f"CSI at {threshold:g} dBZ", xlabel="lead / min", ylim=(0, None))
    panels[0].legend(fontsize=7, frameon=False)
    return figure


def error_and_scale(event: EventScores) -> Figure:
    """MSE against lead; fractions skill score against scale at 30 and 40 dBZ."""
    figure, (errors, *scales) = _panels(3)
    for method in event.methods:
        values = [event.mean_squared_error(method, k) for k in range(len(event.lead_minutes))]
        errors.plot(
            event.lead_minutes, values, color=colour_of(method), label=label(method), lw=1.6
        )
        for axes, threshold in zip(scales, FRACTIONS_THRESHOLDS_DBZ[1:], strict=True):
            score = event.fractions_skill_score(method, threshold)
            axes.plot(SCALES_KM, score, color=colour_of(method), marker=".", lw=1.4)
    errors.set(title="mean squared error / dBZ²", xlabel="lead / min", ylim=(0, None))
    for axes, threshold in zip(scales, FRACTIONS_THRESHOLDS_DBZ[1:], strict=True):
        axes.set(title=f"FSS at {threshold:g} dBZ", xlabel="scale / km", xscale="log", ylim=(0, 1))
    return figure


def performance_and_reliability(event: EventScores) -> Figure:
    """Performance diagram (Roebber, WAF 2009), and what followed the probabilities."""
    figure, (performance, reliability) = _panels(2)
    for method in event.methods:
        tables = [event.table(method, threshold) for threshold in STREAM_THRESHOLDS_DBZ]
        x = [1 - table.false_alarm_ratio for table in tables]
        y = [table.probability_of_detection for table in tables]
        performance.plot(x, y, color=colour_of(method), marker="o", ms=4, lw=1, label=label(method))
    performance.plot([0, 1], [0, 1], color="#ccc", lw=0.8, zorder=0)
    performance.set(
        title="performance, 20 to 50 dBZ", xlabel="1 - FAR", ylabel="POD", xlim=(0, 1), ylim=(0, 1)
    )
    counts = event.reliability
    for t, threshold in enumerate(counts.thresholds_dbz if counts else ()):
        if counts is None or threshold not in STREAM_THRESHOLDS_DBZ or counts.observed(t) < FEWEST:
            continue
        forecast, frequency = counts.reliability(t)
        reliability.plot(forecast, frequency, marker=".", lw=1, label=f"{threshold:g} dBZ")
    reliability.plot([0, 1], [0, 1], color="#ccc", lw=0.8, zorder=0)
    reliability.set(
        title="reliability", xlabel="probability", ylabel="observed share", xlim=(0, 1), ylim=(0, 1)
    )
    if reliability.lines[1:]:
        reliability.legend(fontsize=7, frameon=False)
    return figure


PLOTS = {
    "CSI by lead time": csi_by_lead,
    "error and scale": error_and_scale,
    "performance and reliability": performance_and_reliability,
}
