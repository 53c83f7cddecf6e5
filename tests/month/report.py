"""What a month came to: JSON for machines, Markdown and two pictures for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from tests.chaos.service import COMMAND_LINES
from tests.month.alerts import Raised
from tests.month.judgement import Heard, growth_mb
from tests.month.memory import MB
from tests.month.month import Sample

TIMED = tuple(COMMAND_LINES)  # whose processor time is shown beside the time of the clock
TIMED_DAYS = 3
COLOURS = {"page": "tab:red", "ticket": "tab:orange", "info": "tab:blue"}


@dataclass(frozen=True)
class Report:
    """A month.

    Args:
        title: How long, which seed.
        start: Of the simulated month.
        heard: What was done, and what was heard of it.
        alerts: All that were raised.
        unexplained: Those that nothing explains.
        samples: Of disk and memory.
        disk_bytes: Size of the disk; 0: it had none of its own.
        floor_bytes: What must stay free of it.
        figures: What was counted.
        faults: What is wrong; empty: nothing.
    """

    title: str
    start: datetime
    heard: Sequence[Heard]
    alerts: Sequence[Raised]
    unexplained: Sequence[Raised]
    samples: Sequence[Sample]
    disk_bytes: int
    floor_bytes: int
    figures: Mapping[str, Any]
    faults: Sequence[str]

    def write(self, folder: Path) -> None:
        """Write all files."""
        (folder / "report.json").write_text(json.dumps(asdict(self), indent=1, default=str))
        (folder / "report.md").write_text(self.markdown())
        self._draw(folder / "report.png")

    def markdown(self) -> str:
        """The month as a document."""
        outcome = f"{len(self.faults)} faults" if self.faults else "as it should be"
        return "\n".join(
            [
                f"# {self.title}: {outcome}",
                "",
                *(f"* {fault}" for fault in self.faults),
                *_table(("what was done", "on day", "alert", "after", "allowed"), self._heard()),
                *_table(("alert raised", "severity", "from day", "for"), self._raised()),
                *_table(("memory", "MB at the end", "growth in a month, MB"), self._memory()),
                *_table(("from day", "to day", "s a frame", *TIMED), self._times()),
                *_table(("counted", ""), [(k, str(v)) for k, v in self.figures.items()]),
                "",
                "![Disk, memory and alerts](report.png)",
                "",
            ]
        )

    def _heard(self) -> Iterator[Sequence[str]]:
        for number, one in enumerate(self.heard, start=1):
            fault, alert = one.fault, one.alert.alert if one.alert else "none"
            after = _short(one.after) if one.after is not None else ""
            allowed = _short(fault.within) if fault.pages else "no alert"
            yield (
                f"{number} {fault.name}",
                f"{fault.begin / timedelta(days=1):.1f}",
                alert,
                after,
                allowed,
            )

    def _raised(self) -> Iterator[Sequence[str]]:
        for one in self.alerts:
            false = " (FALSE)" if one in self.unexplained else ""
            day = (one.since - self.start) / timedelta(days=1)
            yield one.alert + false, one.severity, f"{day:.2f}", _short(one.until - one.since)

    def _memory(self) -> Iterator[Sequence[str]]:
        for role in COMMAND_LINES:
            growth = growth_mb(self.samples, role)
            shown = "run too short" if growth is None else f"{growth:+.1f}"
            yield role, f"{self.samples[-1].resident[role] / MB:.0f}", shown

    def _times(self) -> Iterator[Sequence[str]]:
        """What a frame with its scrapes took, by the clock and of the processor, every few days."""
        for _, few in groupby(self.samples, lambda one: int(one.day // TIMED_DAYS)):
            some = list(few)
            first, last = some[0], some[-1]
            if len(some) < 2 or not last.processor:
                continue
            used = ((last.processor[r] - first.processor[r]) / (len(some) - 1) for r in TIMED)
            seconds = (last.seconds - first.seconds) / (len(some) - 1)
            shown = ("new process" if one < 0 else f"{one:.2f}" for one in used)
            yield f"{first.day:.1f}", f"{last.day:.1f}", f"{seconds:.2f}", *shown

    def _draw(self, path: Path) -> None:
        figure, (disk, memory, alerts) = plt.subplots(
            3, 1, figsize=(10, 9), sharex=True, layout="constrained"
        )
        days = [one.day for one in self.samples]
        disk.plot(days, [one.stored / MB for one in self.samples], label="stored")
        disk.plot(days, [one.free / MB for one in self.samples], label="free")
        disk.axhline(self.floor_bytes / MB, color="tab:red", ls=":", label="must stay free")
        disk.set_ylabel("disk, MB")
        for role in COMMAND_LINES:
            resident = [one.resident[role] / MB or float("nan") for one in self.samples]
            memory.plot(days, resident, label=role)
        memory.set_ylabel("memory, MB")
        memory.set_ylim(bottom=0)
        self._draw_alerts(alerts)
        disk.legend(loc="upper right")
        memory.legend(loc="center right", ncols=3)
        figure.savefig(path, dpi=80)
        plt.close(figure)

    def _draw_alerts(self, axes: Any) -> None:
        names = sorted({one.alert for one in self.alerts}, reverse=True)
        rows = ["what was done", *names]
        for one in self.alerts:
            day = (one.since - self.start) / timedelta(days=1)
            lasts = max((one.until - one.since) / timedelta(days=1), 0.03)
            axes.barh(rows.index(one.alert), lasts, left=day, color=COLOURS[one.severity])
        for number, fault in enumerate((one.fault for one in self.heard), start=1):
            day, lasts = (span / timedelta(days=1) for span in (fault.begin, fault.lasts))
            axes.barh(0, max(lasts, 0.03), left=day, color="grey")
            axes.text(day, 0, f" {number}", va="center", fontsize=8)
        axes.set_yticks(range(len(rows)), rows)
        axes.set_xlabel("day (red: page, orange: ticket, blue: information)")


def _short(span: timedelta) -> str:
    minutes = span / timedelta(minutes=1)
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _table(header: Sequence[str], rows: Any) -> list[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return ["", f"| {' | '.join(header)} |", "|---" * len(header) + "|", *lines]
