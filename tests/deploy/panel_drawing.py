"""Panels of a Grafana dashboard drawn with matplotlib: what a reader sees of them."""

from __future__ import annotations

import math
import textwrap
from datetime import UTC, datetime
from typing import Any, Protocol

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from tests.deploy.panel_place import Place
from tests.deploy.panel_words import (
    GROUND,
    INK,
    NAMED,
    Json,
    colour_of,
    look_of,
    name_of,
    said,
    shown_as,
)

FAINT, FRAME = "#9a9a9a", "#3a3d42"
PALETTE = ("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0")
STYLES = {"solid": "-", "dash": "--", "dot": ":"}
CHARACTERS = 10.5  # of a description, in a 24th of the page's width


class Answers(Protocol):
    """Who answers expressions."""

    begin: float
    end: float

    def lines(self, expression: str) -> list[Json]:
        """Series over the time range."""

    def now(self, expression: str) -> list[Json]:
        """Values at its end."""


def drawn(
    figure: Figure, panel: Json, place: Place, source: Answers, marks: list[tuple[Json, list[Json]]]
) -> None:
    """Draw one panel."""
    if panel["type"] == "row":
        axes = place.axes(figure, 0.1, 0.1, 0.1)
        axes.axis("off")
        axes.text(0, 0.4, f"v  {panel['title']}", color="white", size=11, weight="bold")
        return
    box = place.axes(figure, 0.06, 0.06, 0.06)
    box.set(xticks=[], yticks=[])
    for spine in box.spines.values():
        spine.set_color(FRAME)
    if panel["type"] == "text":
        words = _aligned(panel["options"]["content"].replace("**", "").strip())
        box.text(0.005, 0.97, words, color=INK, size=8.5, va="top", family="monospace")
        return
    wrapped = textwrap.wrap(panel["description"], round(place.columns * CHARACTERS))
    head = 0.75 + 0.36 * len(wrapped)
    top = 1 - 0.12 / place.lines
    box.text(0.008, top, panel["title"], color="white", size=9, weight="bold", va="top")
    below = top - 0.55 / place.lines
    box.text(0.008, below, "\n".join(wrapped), color=FAINT, size=6.5, va="top")
    kinds = {"timeseries": _lines, "stat": _tile, "table": _table, "barchart": _bars}
    kinds[panel["type"]](figure, panel, place, source, head)
    if panel["type"] == "timeseries":
        _marked(figure.axes[-1], marks)


def _aligned(markdown: str) -> str:
    """Text whose table has columns of one width."""
    lines = [line for line in markdown.split("\n") if not line.startswith("|---")]
    rows = [[cell.strip() for cell in line.split("|")] for line in lines if line.startswith("|")]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(c.strip().ljust(w) for c, w in zip(line.split("|"), widths, strict=True))
        if line.startswith("|")
        else line
        for line in lines
    )


def _lines(figure: Figure, panel: Json, place: Place, source: Answers, head: float) -> None:
    axes = place.axes(figure, head + 0.1, 1.7, 0.75)
    defaults = panel["fieldConfig"]["defaults"]
    number = 0
    for target in panel["targets"]:
        for series in source.lines(target["expr"]):
            name = name_of(target, series)
            look = look_of(panel, name)
            colour = colour_of(look, None) or PALETTE[number % len(PALETTE)]
            number += 1
            hidden = look.get("custom.hideFrom", {}).get("legend")
            times, values = _gaps(series["values"], source)
            axes.plot(
                times,
                values,
                color=colour,
                lw=0.8 * look.get("custom.lineWidth", 2),
                ls=STYLES[look.get("custom.lineStyle", {}).get("fill", "solid")],
                label="_" + name if hidden else look.get("displayName", name),
            )
    if defaults["custom"]["thresholdsStyle"]["mode"] != "off":
        for step in defaults["thresholds"]["steps"][1:]:
            axes.axhline(
                step["value"], color=NAMED.get(step["color"], step["color"]), ls="--", lw=1
            )
    axes.set_xlim(*(datetime.fromtimestamp(at, UTC) for at in (source.begin, source.end)))
    axes.set_ylim(bottom=defaults.get("min"), top=defaults.get("max"))
    locator = AutoDateLocator(maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: said(value, defaults)))
    _plain(axes)
    if number:
        longest = max(len(str(line.get_label())) for line in axes.lines)
        columns = max(1, round(place.columns * CHARACTERS / (longest + 8)))
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(-0.02, -0.1),
            ncols=columns,
            fontsize=6,
            frameon=False,
            labelcolor=INK,
            handlelength=1.6,
            columnspacing=1,
        )
    else:
        axes.text(0.5, 0.5, "No data", transform=axes.transAxes, ha="center", color=FAINT)


def _gaps(values: list[Any], source: Answers) -> tuple[list[datetime], list[float]]:
    """Points, with a gap where Prometheus has none."""
    times: list[datetime] = []
    found: list[float] = []
    last = None
    for at, value in values:
        if last is not None and at - last > 1.5 * (source.end - source.begin) / 240:
            times.append(datetime.fromtimestamp(last, UTC))
            found.append(math.nan)
        times.append(datetime.fromtimestamp(at, UTC))
        found.append(float(value))
        last = at
    return times, found


def _marked(axes: Axes, marks: list[tuple[Json, list[Json]]]) -> None:
    """Vertical lines at deployments, promotions, alerts."""
    begin, end = axes.get_xlim()
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for mark, found in marks:
        for series in found:
            first = float(series["values"][0][1 if mark["useValueForTime"] else 0])
            at = first / (1000 if mark["useValueForTime"] else 1)
            moment = datetime.fromtimestamp(at, UTC)
            days = (moment - epoch).total_seconds() / 86400
            if begin <= days <= end:
                colour = NAMED.get(mark["iconColor"], mark["iconColor"])
                axes.axvline(days, color=colour, lw=1, ls="--", alpha=0.8)


def _tile(figure: Figure, panel: Json, place: Place, source: Answers, head: float) -> None:
    axes = place.axes(figure, head, 0.15, 0.2)
    found = [
        (name_of(target, series), float(series["value"][1]))
        for target in panel["targets"]
        for series in source.now(target["expr"])
    ]
    for place_of, (name, value) in enumerate(found or [("", math.nan)]):
        look = look_of(panel, name)
        words, colour = shown_as(look, value)
        share = 1 / max(len(found), 1)
        axes.axvspan(place_of * share, (place_of + 0.97) * share, color=colour)
        middle = (place_of + 0.48) * share
        axes.text(
            middle, 0.6, words, ha="center", va="center", size=12, weight="bold", color="#111"
        )
        label = "\n".join(
            textwrap.wrap(
                look.get("displayName", name), round(24 * share) + 6, break_long_words=False
            )
        )
        axes.text(middle, 0.22, label, ha="center", va="center", size=6, color="#111")
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])


def _table(figure: Figure, panel: Json, place: Place, source: Answers, head: float) -> None:
    axes = place.axes(figure, head, 0.2, 0.25)
    axes.axis("off")
    rows = source.now(panel["targets"][0]["expr"])
    matrix = next(
        (t["options"] for t in panel["transformations"] if t["id"] == "groupingToMatrix"), None
    )
    if matrix is None:
        names = sorted({name for row in rows for name in row["metric"]})
        cells = [[row["metric"].get(n, "") for n in names] + [row["value"][1]] for row in rows]
        head_cells, colours = [*names, "value"], [[GROUND] * (len(names) + 1) for _ in rows]
    else:
        across, down = matrix["columnField"], matrix["rowField"]
        columns, lines = (
            sorted({row["metric"][field] for row in rows}, key=float) for field in (across, down)
        )
        known = {(r["metric"][down], r["metric"][across]): float(r["value"][1]) for r in rows}
        grid = [
            [
                shown_as(look_of(panel, ""), known.get((line, column), math.nan))
                for column in columns
            ]
            for line in lines
        ]
        cells = [
            [line, *(words for words, _ in row)] for line, row in zip(lines, grid, strict=True)
        ]
        colours = [[GROUND, *(colour for _, colour in row)] for row in grid]
        head_cells = [look_of(panel, f"{down}\\{across}").get("displayName", down), *columns]
    if not cells:
        axes.text(0.5, 0.5, "No data", ha="center", color=FAINT)
        return
    table = axes.table(cells, colours, colLabels=head_cells, loc="upper center", cellLoc="center")
    for (line, column), cell in table.get_celld().items():
        cell.set_edgecolor(FRAME)
        coloured = line and matrix and column
        cell.get_text().set_color("#111" if coloured else INK)
        if not coloured:
            cell.set_facecolor(GROUND)


def _bars(figure: Figure, panel: Json, place: Place, source: Answers, head: float) -> None:
    axes = place.axes(figure, head, 1.7, 0.75)
    field, number = panel["options"]["xField"], len(panel["targets"])
    for index, target in enumerate(panel["targets"]):
        look = look_of(panel, f"Value #{target['refId']}")
        found = sorted(
            (float(r["metric"][field]), float(r["value"][1])) for r in source.now(target["expr"])
        )
        width = 0.09 / number
        axes.bar(
            [x + (index - (number - 1) / 2) * width for x, _ in found],
            [y for _, y in found],
            width * 0.9,
            color=colour_of(look, None),
            label=look.get("displayName", target["refId"]),
        )
    defaults = panel["fieldConfig"]["defaults"]
    axes.set_ylim(defaults.get("min"), defaults.get("max"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: said(value, defaults)))
    _plain(axes)
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(0, -0.1),
        ncols=2,
        fontsize=6,
        frameon=False,
        labelcolor=INK,
    )


def _plain(axes: Axes) -> None:
    axes.tick_params(colors=FAINT, labelsize=6, length=2)
    axes.grid(color="#2a2d32", lw=0.5)
    axes.xaxis.get_offset_text().set(color=FAINT, size=6)
    for spine in axes.spines.values():
        spine.set_visible(False)
