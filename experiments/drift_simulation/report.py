"""The page of a simulation: tables for people, JSON for machines, one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from echocast.model.drift.control_charts import NEVER
from echocast.model.drift.detector import ALERTS, PARAMETERS
from experiments.drift_simulation.outcomes import (
    ORDINARY,
    Outcome,
    Summary,
    false_alarms_a_month,
    summaries,
)
from experiments.drift_simulation.scenarios import MONTH_DAYS, SCENARIOS

COLOURS = dict(zip(ALERTS, ("#c1272d", "#e8871e", "#1f5fa8", "#3b7d3b"), strict=True))
HEAD = """# Drift, simulated

`python -m experiments.drift_simulation` wrote this page: {seeds} seeds of weather, {months:.0f}
months in which nothing is the matter. Frames of 64 x 64 pixels of 2 km come every 20 minutes; every
two hours a small learned model forecasts 20, 40 and 60 minutes ahead; the counts are the service's
own. Every scenario begins after a month as usual. Delays are in days of stream time, dry ones
included.

## Scenarios

"""


def markdown(results: Sequence[Outcome]) -> str:
    """The page."""
    ordinary = [outcome for outcome in results if outcome.scenario in ORDINARY]
    months = sum(outcome.days for outcome in ordinary) / MONTH_DAYS
    head = HEAD.format(seeds=len({outcome.seed for outcome in results}), months=months)
    return f"{head}{_scenarios(summaries(results))}\n{_false(results)}\n{_charts()}"


def to_json(results: Sequence[Outcome]) -> dict[str, Any]:
    """Everything as plain JSON."""
    return {
        "seeds": sorted({outcome.seed for outcome in results}),
        "scenarios": [asdict(summary) for summary in summaries(results)],
        "false_alarms_a_month": false_alarms_a_month(results),
        "plans": {name: asdict(chart) for name, chart in PARAMETERS.series.items()},
        "intensities": asdict(PARAMETERS.intensities),
        "fewest_events": PARAMETERS.fewest_events,
    }


def _scenarios(rows: Sequence[Summary]) -> str:
    lines = ["| scenario | " + " | ".join(ALERTS) + " |", "|---|" + "---|" * len(ALERTS)]
    meanings = []
    for name, scenario in SCENARIOS.items():
        cells = [_cell(row) for row in rows if row.scenario == name]
        if cells:
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
            meanings.append(f"* **{name}**: {scenario.meaning}")
    legend = (
        "Each cell: in how many of the seeds the alert was raised; median and worst delay in\n"
        "days. Bold: it must be raised; in brackets: it may; otherwise it must not; **!**: it is\n"
        "not as it should be."
    )
    return "\n".join([*lines, "", legend, "", *meanings, ""])


def _cell(row: Summary) -> str:
    text = f"{row.detected}/{row.seeds}" if row.detected or row.expectation == "must" else "-"
    if row.median_days is not None:
        text += f"; {row.median_days:.1f}, {row.worst_days:.1f}"
    if row.expectation == "must":
        text = f"**{text}**"
    elif row.expectation == "may":
        text = f"({text})"
    return text if row.as_it_should else f"{text} **!**"


def _false(results: Sequence[Outcome]) -> str:
    rates = false_alarms_a_month(results)
    lines = ["## False alarms in a month in which nothing is the matter", ""]
    lines += ["| " + " | ".join((*rates, "all")) + " |", "|" + "---|" * (len(rates) + 1)]
    values = (*rates.values(), sum(rates.values()))
    lines += ["| " + " | ".join(f"{value:.2f}" for value in values) + " |", ""]
    return "\n".join(lines)


def _charts() -> str:
    lines = ["## Charts", "", "| series | k | CUSUM limit | weight | EWMA limit | floor | memory |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name, chart in PARAMETERS.series.items():
        cusum, ewma = (
            "-" if limit >= NEVER else f"{limit:g}"
            for limit in (chart.decision_interval, chart.control_limit)
        )
        numbers = f"{chart.allowance:g} | {cusum} | {chart.weight:g} | {ewma}"
        lines.append(f"| {name} | {numbers} | {chart.floor} | {chart.memory:g} |")
    histogram = PARAMETERS.intensities
    lines.append(
        f"| intensities | - | - | {1 / histogram.recent:.2g} | {histogram.limit:g} (index) |"
        f" {histogram.floor} | {histogram.memory:g} |"
    )
    return "\n".join([*lines, ""])


def picture(results: Sequence[Outcome], path: Path) -> None:
    """Draw when each alert was first raised: one row a scenario, one dot a seed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for name in SCENARIOS if any(o.scenario == name for o in results)]
    figure = Figure(figsize=(9, 0.55 * len(names) + 1.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for row, name in enumerate(names):
        of_it = [outcome for outcome in results if outcome.scenario == name]
        axes.plot((0, of_it[0].days), (row, row), color="#dddddd", lw=8, solid_capstyle="butt")
        for place, alert in enumerate(ALERTS):
            delays = [o.raised[alert][0] for o in of_it if o.raised[alert]]
            height = row + 0.2 * (place - 1.5)
            axes.plot(delays, [height] * len(delays), "o", ms=4, alpha=0.6, color=COLOURS[alert])
            if alert in SCENARIOS[name].must:
                text = f"{len(delays)} of {len(of_it)}"
                axes.text(30.4, row, text, color=COLOURS[alert], va="center", size=8)
    axes.axvline(3, color="#888888", lw=0.8, ls=":")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, MONTH_DAYS + 3)
    axes.set_xlabel("days after the beginning until an alert is raised; grey: looked at; dotted: 3")
    for alert in ALERTS:
        axes.plot([], [], "o", color=COLOURS[alert], label=alert)
    axes.legend(ncols=len(ALERTS), loc="upper center", bbox_to_anchor=(0.5, 1.14), frameon=False)
    figure.savefig(path, dpi=80)
