"""The page of a comparison: JSON, tables and a picture of what :mod:`family` found, or others."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

Runs = Mapping[str, Any]

Column = tuple[Callable[[Runs], float | None], int]  # what it reads off a run, and its decimals

PAGE_WIDTH, TABLE_COLUMNS = 120, 3
DIGITS = "digits"  # the one protocol without rain
TITLES = {DIGITS: "Moving digits", "radar": "Radar windows"}
STYLES = ("-", "--", ":")
BLUE, ORANGE = "#0072B2", "#D55E00"
INTRODUCTION = """# The family at one small budget

Every member has the same width, kernel, steps, batches and seeds; a cell has one figure for each
seed. Members of one width differ in parameters and in time, both given. Written by
`python -m experiments.family`; how to run it stands in `experiments/family.py`.

**What this can tell:** that every member learns, how fast it begins to, and, on radar, what a few
steps add to the extrapolation that all of them start from. **What it can't:** which member is best
when it is trained out (the papers made 80 000 steps of 8 windows, with 64 channels and scheduled
sampling). Two seeds show how large chance is; they are no interval. A difference that is not larger
than that between the seeds is none.

MSE and MAE are sums over the 64 x 64 pixels of a frame scaled to 0..1, means over frames; SSIM and
sharpness as in the papers (experiments/video_scores.py). *Forgotten*: share of the top layer's
memory below a tenth after the forget path (MIM, Figure 6). Processor time was taken on a busy
machine; it orders the members, no more.
"""
NOTES = {
    DIGITS: "Ten frames in, ten out, squared error alone, without extrapolation; drawn digits.",
    "radar": "The protocol of MIM's section 4.3, other data: rainy 64 x 64 windows, ten frames in,"
    " ten out, CSI of pooled counts. Trained on events with open terms, judged on two of MeteoSwiss"
    " (another radar, other weather), in the moving frame; MSE of dBZ / 70. All members start from"
    " damped extrapolation. *Decided*: from exceedance probabilities, by the cut that the other"
    " event chose; in brackets the frequency bias.",
}
PICTURES: Mapping[str, Column] = {
    "MSE": (lambda run: run["mse"], 2),
    "MAE": (lambda run: run["mae"], 1),
    "SSIM": (lambda run: run["ssim"], 3),
    "sharpness, dB": (lambda run: run["sharpness"], 2),
    "parameters": (lambda run: run.get("parameters"), 0),
    "CPU s a step": (lambda run: run.get("cpu_seconds_a_step"), 2),
    "forgotten": (lambda run: (run.get("saturation") or [None])[-1], 3),
}
EVENTS = [("csi", "30"), ("csi", "40"), ("csi", "50"), ("csi_decided", "30"), ("csi_decided", "40")]


@dataclass(frozen=True)
class Page:
    """What a comparison is called, and what is said of it and of each protocol."""

    name: str
    introduction: str
    titles: Mapping[str, str]
    notes: Mapping[str, str]


FAMILY = Page("family", INTRODUCTION, TITLES, NOTES)


def write(folder: Path, made: Mapping[str, Any], page: Page = FAMILY) -> None:
    """Write ``<name>.json``, ``.md`` and ``.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {protocol: results for protocol, results in made.items() if results["runs"]}
    (folder / f"{page.name}.json").write_text(json.dumps(made, indent=1) + "\n")
    parts = [page.introduction, *(section(page, protocol, made[protocol]) for protocol in made)]
    (folder / f"{page.name}.md").write_text(
        "\n".join([*parts, f"![All runs]({page.name}.png)", ""])
    )
    picture(page, made).savefig(folder / f"{page.name}.png", dpi=110, bbox_inches="tight")


def section(page: Page, protocol: str, results: Mapping[str, Any]) -> str:
    """What came out under one protocol."""
    runs = [run for seeds in results["runs"].values() for run in seeds.values()]
    training, windows = runs[0]["training"], results["windows"]
    text = (
        f"{page.notes[protocol]} {training['steps']} steps of {training['batch']} windows,"
        f" peak rate {training['peak_rate']}, width {training['network']['hidden_channels']},"
        f" kernel {training['network']['kernel']}; {windows['train']} windows to train on,"
        f" {windows['judge']} to judge on ({runs[0]['frames']} frames)."
    )
    lines = [
        f"## {page.titles[protocol]}",
        "",
        textwrap.fill(text, PAGE_WIDTH, break_on_hyphens=False),
        "",
        table(results, {name: partial(figure_of, column) for name, column in PICTURES.items()}),
    ]
    if protocol != DIGITS:
        observed = [
            f"{run['hits'] + run['misses']} at {threshold} dBZ"
            for threshold, run in runs[0]["csi"].items()
        ]
        lines += [
            f"Observed pixels: {', '.join(observed)}, of {sum_of(runs[0]['csi']['30'])}.",
            "",
            table(results, {title(kind, at): partial(event, kind, at) for kind, at in EVENTS}),
        ]
    return "\n".join(lines)


def table(results: Mapping[str, Any], columns: Mapping[str, Callable[[Runs], str]]) -> str:
    """Markdown tables of a few columns each, one row for each member and reference."""
    names = list(columns)
    groups = [names[at : at + TABLE_COLUMNS] for at in range(0, len(names), TABLE_COLUMNS)]
    return "\n".join(_table(results, {name: columns[name] for name in some}) for some in groups)


def _table(results: Mapping[str, Any], columns: Mapping[str, Callable[[Runs], str]]) -> str:
    rows = {name: list(seeds.values()) for name, seeds in results["runs"].items()}
    rows |= {f"*{name}*": [run] for name, run in results["references"].items()}
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, runs in rows.items():
        cells = [" / ".join(read(run) for run in runs) for read in columns.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def title(kind: str, threshold: str) -> str:
    """Of a column."""
    return f"CSI-{threshold}" + (", decided" if kind == "csi_decided" else "")


def figure_of(column: Column, run: Runs) -> str:
    """A figure of a run."""
    read, digits = column
    return shown(read(run), digits)


def event(kind: str, threshold: str, run: Runs) -> str:
    """A critical success index with its frequency bias."""
    if kind not in run:
        return "–"
    scores = run[kind][threshold]
    return f"{shown(scores['csi'], 3)} ({shown(scores['bias'], 2)})"


def sum_of(counts: Runs) -> int:
    """All pixels that were counted."""
    return int(sum(counts[k] for k in ("hits", "misses", "false_alarms", "correct_negatives")))


def shown(value: float | None, digits: int) -> str:
    """A figure, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def csi(threshold: str, run: Runs) -> float | None:
    """The critical success index of what was decided, or of the frames where nothing was."""
    score: float | None = (run.get("csi_decided") or run["csi"])[threshold]["csi"]
    return score


def picture(page: Page, made: Mapping[str, Any]) -> Figure:
    """Bars of the mean over seeds, seeds as points, what is not trained as lines.

    CSI is that of the decisions; of the frames, where there are no probabilities to decide by.
    """
    panels: list[tuple[str, str, Callable[[Runs], float | None]]] = [
        (protocol, "MSE", PICTURES["MSE"][0]) for protocol in made
    ]
    rainy = [protocol for protocol in made if protocol != DIGITS]
    panels += [(protocol, f"CSI-{t}", partial(csi, t)) for protocol in rainy for t in ("30", "40")]
    figure = Figure(figsize=(4.2 * len(panels), 4.2), layout="constrained")
    for axes, (protocol, name_of_score, read) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        results = made[protocol]
        names = list(results["runs"])
        for place, name in enumerate(names):
            values = [read(run) for run in results["runs"][name].values()]
            axes.barh(place, sum(values) / len(values), color=BLUE, alpha=0.35)
            axes.plot(values, [place] * len(values), "o", color=BLUE, markersize=5)
        for style, (name, run) in zip(STYLES, results["references"].items(), strict=False):
            axes.axvline(read(run), color=ORANGE, linestyle=style, label=name)
        axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.08))
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.4, -0.8)
        axes.set_title(f"{page.titles[protocol]}: {name_of_score}", fontsize=9)
    return figure
