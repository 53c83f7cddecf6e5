"""The report of an evaluation: a table for the terminal, and a folder with a page and all numbers.

First the events, with maps of their hardest and their median case, then the scores.
"""

from __future__ import annotations

import html
import importlib.metadata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from echocast.model.forecast import ModelIdentity
from echocast.model.plotting.report import files
from echocast.model.plotting.report.event import JudgedEvent
from echocast.model.plotting.report.lead_spans import score_cell
from echocast.model.plotting.report.page import Section, facts, figure, page
from echocast.model.plotting.report.sections import score_sections
from echocast.model.verification import pysteps_references
from echocast.model.verification.counts import MODEL, STREAM_THRESHOLDS_DBZ, label
from echocast.model.verification.event_scores import EventScores

INTRODUCTION = (
    "<p>How good forecasts of whole rain events were: the model beside plain references, on the"
    " same pixels. Every number is made from counts that stand in the files beside this page.</p>"
)


def markdown(events: Sequence[EventScores]) -> str:
    """The scores of each event as a table for people."""
    head = " | ".join(f"CSI-{threshold:g} (bias; n)" for threshold in STREAM_THRESHOLDS_DBZ)
    lines = [f"| event (forecasts) | method | MSE dBZ² | {head} |"]
    lines.append("|---" * (3 + len(STREAM_THRESHOLDS_DBZ)) + "|")
    for event in events:
        for method in event.methods:
            tables = [event.table(method, threshold) for threshold in STREAM_THRESHOLDS_DBZ]
            cells = " | ".join(score_cell(table) for table in tables)
            error = event.mean_squared_error(method)
            name = f"{event.event} ({len(event.starts)})"
            lines.append(f"| {name} | {label(method)} | {error:.1f} | {cells} |")
    return "\n".join(lines)


def write(folder: Path, model: ModelIdentity, stride: int, events: Sequence[JudgedEvent]) -> None:
    """Write ``index.html``, and what :func:`.files.write` does.

    Args:
        folder: Made if need be.
        model: Which weights answered.
        stride: Frames between reference times.
        events: One or more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scores, name = [event.scores for event in events], f"{model.name}/{model.version}"
    names = files.write(folder, name, stride, scores)
    sections = [
        Section("The events", "weather", "".join(_events(events))),
        *score_sections(scores, MODEL),
        Section("Files", "files", _files(names)),
    ]
    lead = INTRODUCTION + facts(_versions(model, stride, events))
    (folder / "index.html").write_text(page(f"Skill of {name}", lead, sections))


def _versions(
    model: ModelIdentity, stride: int, events: Sequence[JudgedEvent]
) -> Iterator[tuple[str, str]]:
    yield "model", f"{model.name} {model.version}, weights {model.weights_sha256[:12]}"
    yield "Echocast", importlib.metadata.version("echocast")
    if any(name.startswith("pysteps") for name in events[0].scores.methods):
        yield "pysteps", pysteps_references.version()
    forecasts = sum(len(event.scores.starts) for event in events)
    yield "sample", f"{len(events)} events, {forecasts} forecasts, one every {stride} frames"
    yield "evaluated", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def _events(events: Sequence[JudgedEvent]) -> Iterator[str]:
    for number, event in enumerate(events, 1):
        name = html.escape(event.scores.event)
        yield f'<h3 id="event-{number}">{name}</h3>{facts(event.facts.items())}'
        for caption, picture in event.maps.items():
            yield figure(f"maps of {event.scores.event}", picture, html.escape(caption))
        if not event.maps:
            yield "<p>Too little rain in every case for maps.</p>"


def _files(names: Sequence[str]) -> str:
    links = "".join(f'<li><a href="{name}">{name}</a></li>' for name in names)
    return (
        f"<p>Beside this page. Counts add over events and leads; divide last.</p><ul>{links}</ul>"
    )
