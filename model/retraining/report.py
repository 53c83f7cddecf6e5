"""The report of a retraining: one page for people, and the verdict as JSON."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echocast.model.plotting.report.page import Section, cell, figure, page, table
from echocast.model.plotting.report.sections import score_sections
from echocast.model.registry.model_card import front_matter
from echocast.model.retraining import plots
from echocast.model.retraining.events import Event
from echocast.model.retraining.paired_forecasts import PairedForecasts
from echocast.model.retraining.split import Split
from echocast.model.retraining.stages import write_json
from echocast.model.retraining.verdict import Verdict
from echocast.model.verification.counts import CHALLENGER

MARKS = {True: "passed", False: "failed", None: "not judged"}
MOST_SHOWN = 50
GATE = (
    "90 % intervals, as the gate uses them. With few events they show the hours within these more"
    " than other weather."
)


@dataclass(frozen=True)
class StageResults:
    """The results of the stages before the last one.

    Args:
        order: ``id``, ``champion``, ``challenger``, ``archive``, ``config``.
        collected: See :func:`echocast.model.retraining.collect.collect`.
        losses: (step, loss) of the training.
    """

    order: Mapping[str, Any]
    collected: Mapping[str, Any]
    losses: Sequence[tuple[int, float]] = ()


def write(
    folder: Path, results: StageResults, verdict: Verdict, paired: Sequence[PairedForecasts]
) -> None:
    """Write ``decision.json`` and ``index.html``.

    Args:
        folder: Made if need be.
        results: Of the earlier stages.
        verdict: The verdict.
        paired: What it rests on; may be empty.
    """
    facts = {"order": results.order, "collected": results.collected, "decision": verdict.to_json()}
    write_json(folder / "decision.json", facts)
    title = f"Retraining {results.order['id']}: {verdict.outcome}"
    sections = _sections(results, verdict, paired)
    (folder / "index.html").write_text(page(title, _lead(results, verdict, paired), sections))


def card(reference: str, verdict: Verdict) -> str:
    """A model card in a few lines, with front matter."""
    lines = "\n".join(f"* {check.text}" for check in verdict.checks)
    return f"{front_matter(reference)}# {reference}\n\nRetrained. {verdict.why}\n\n{lines}\n"


def _lead(results: StageResults, verdict: Verdict, paired: Sequence[PairedForecasts]) -> str:
    archive = f"on the archive {html.escape(str(results.order['archive']))}"
    text = f"<p>{_models_compared(results)}, {archive}.</p><p>{html.escape(verdict.why)}</p>"
    if not verdict.sample:
        return text
    sample = ", ".join(f"{n:,} {what.replace('_', ' ')}" for what, n in verdict.sample.items())
    return f"{text}<p>{'Held out' if paired else 'Found'}: {sample}.</p>"


def _sections(
    results: StageResults, verdict: Verdict, paired: Sequence[PairedForecasts]
) -> Iterator[Section]:
    yield Section("Checks", "checks", _checks(verdict, paired))
    if paired:
        yield from score_sections([event.scores for event in paired], CHALLENGER)
    if results.losses:
        yield Section("Training", "training", figure("loss", plots.loss(results.losses)))
    yield Section("Archive", "archive", "".join(_data(results.collected)))


def _models_compared(results: StageResults) -> str:
    champion = f"champion <b>{html.escape(results.order['champion'])}</b>"
    if results.collected["missing"]:
        return f"No challenger was trained for the {champion}"
    return f"Challenger <b>{html.escape(results.order['challenger'])}</b> against {champion}"


def _checks(verdict: Verdict, paired: Sequence[PairedForecasts]) -> str:
    if not verdict.checks:
        return ""
    rows = (
        (
            cell(html.escape(check.name)),
            cell(MARKS[check.passed], "text"),
            cell(html.escape(check.text), "text"),
        )
        for check in verdict.checks
    )
    shown = table(("check", "", ""), rows)
    return (
        shown + figure("difference of CSI", plots.differences(verdict), GATE) if paired else shown
    )


def _data(collected: Mapping[str, Any]) -> Iterator[str]:
    """What the archive held, where its segments end, and which part each event is in."""
    yield table(
        ("stream", "frames", "even runs"),
        (
            (cell(html.escape(name)), cell(f"{counts['frames']:,}"), cell(str(counts["runs"])))
            for name, counts in collected["streams"].items()
        ),
    )
    split = Split.from_json(collected["split"])
    yield figure("events by time", plots.timeline(split, collected["breaks"]))
    windows = collected["windows"]
    for part, events in vars(split).items():
        yield f"<h3>{part.replace('_', ' ')}: {len(events)} events</h3>{_events(events, windows)}"
    discontinuities = collected["breaks"]
    if discontinuities:
        lines = "".join(
            f"<li>{item['time']} {html.escape(item['stream'])}: {html.escape(item['text'])}</li>"
            for item in discontinuities[:MOST_SHOWN]
        )
        more = len(discontinuities) - MOST_SHOWN
        rest = f"<p>And {more} more.</p>" if more > 0 else ""
        yield (
            f"<h3>Runs break {len(discontinuities)} times</h3><p>No window reaches across.</p>"
            f"<ul>{lines}</ul>{rest}"
        )


def _events(events: Sequence[Event], windows: Mapping[str, int]) -> str:
    names = ("event", "frames", "pixels at 40 dBZ", "training windows")
    rows = (
        (
            cell(html.escape(event.name)),
            *map(cell, (str(len(event.times)), f"{event.heavy_pixels:,}")),
            cell(str(windows.get(event.name, 0))),
        )
        for event in events
    )
    return table(names, rows) if events else "<p>None.</p>"
