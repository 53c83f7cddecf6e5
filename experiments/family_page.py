"""The page of the family's comparison: JSON, tables and a picture of what :mod:`family` found."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

Runs = Mapping[str, Any]

TITLES = {"digits": "Moving digits", "radar": "Radar windows (same protocol, other data)"}
BLUE, ORANGE = "#0072B2", "#D55E00"


def write(folder: Path, made: Mapping[str, Any]) -> None:
    """Write ``family.json``, ``family.md`` and ``family.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "family.json").write_text(json.dumps(made, indent=1) + "\n")
    made = {protocol: found for protocol, found in made.items() if found["runs"]}
    parts = [table(protocol, found) for protocol, found in made.items()]
    (folder / "family.md").write_text("\n".join(["# The family at one budget", "", *parts]))
    picture(made).savefig(folder / "family.png", dpi=110)


def csi(threshold: str, kind: str = "csi") -> Callable[[Runs], float | None]:
    """What reads a critical success index off a run."""

    def read(run: Runs) -> float | None:
        return run[kind][threshold]["critical_success_index"] if kind in run else None

    return read


def columns(protocol: str) -> dict[str, tuple[Callable[[Runs], Any], int]]:
    """Title -> what it reads off a run, and its decimals."""
    pictures: dict[str, tuple[Callable[[Runs], Any], int]] = {
        "MSE": (lambda run: run["mse"], 2),
        "MAE": (lambda run: run["mae"], 1),
        "SSIM": (lambda run: run["ssim"], 3),
        "sharpness, dB": (lambda run: run["sharpness"], 2),
    }
    if protocol == "radar":
        for threshold in ("30", "40", "50"):
            pictures[f"CSI-{threshold}"] = (csi(threshold), 3)
        for threshold in ("30", "40"):
            pictures[f"CSI-{threshold}, decided"] = (csi(threshold, "csi_decided"), 3)
    return {
        **pictures,
        "parameters": (lambda run: run.get("parameters"), 0),
        "CPU s a step": (lambda run: run.get("cpu_seconds_a_step"), 2),
        "forgotten, top layer": (lambda run: (run.get("saturation") or [None])[-1], 2),
    }


def table(protocol: str, found: Mapping[str, Any]) -> str:
    """One Markdown table; a cell has the figure of each seed."""
    wanted = columns(protocol)
    runs = [run for seeds in found["runs"].values() for run in seeds.values()]
    training, frames = runs[0]["training"], runs[0]["frames"]
    lines = [
        f"## {TITLES[protocol]}",
        "",
        f"{training['steps']} steps of {training['batch']} windows, width"
        f" {training['network']['hidden_channels']}, kernel {training['network']['kernel']};"
        f" {found['windows']['train']} windows to train on, {found['windows']['judge']} to judge on"
        f" ({frames} frames). A cell has one figure for each seed.",
        "",
        "| | " + " | ".join(wanted) + " |",
        "|---" * (len(wanted) + 1) + "|",
    ]
    rows = {name: list(seeds.values()) for name, seeds in found["runs"].items()}
    rows |= {f"*{name}*": [run] for name, run in found["references"].items()}
    for name, of_seeds in rows.items():
        cells = [
            " / ".join(shown(read(run), digits) for run in of_seeds)
            for read, digits in wanted.values()
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def shown(value: float | None, digits: int) -> str:
    """A figure, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def picture(made: Mapping[str, Any]) -> Figure:
    """Bars of the mean over seeds, seeds as points, what is not trained as lines."""
    panels = [(protocol, "MSE") for protocol in made]
    panels += [("radar", "CSI-30"), ("radar", "CSI-40")] if "radar" in made else []
    figure = Figure(figsize=(4.2 * len(panels), 4.2), layout="constrained")
    for axes, (protocol, title) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        found, (read, _) = made[protocol], columns(protocol)[title]
        names = list(found["runs"])
        for place, name in enumerate(names):
            values = [read(run) for run in found["runs"][name].values()]
            axes.barh(place, sum(values) / len(values), color=BLUE, alpha=0.35)
            axes.plot(values, [place] * len(values), "o", color=BLUE, markersize=5)
        for name, run in found["references"].items():
            axes.axvline(read(run), color=ORANGE, linewidth=1)
            axes.text(read(run), -0.8, name, rotation=90, fontsize=7, color=ORANGE, va="top")
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.4, -0.8)
        axes.set_title(f"{TITLES[protocol]}\n{title}", fontsize=9)
    return figure
