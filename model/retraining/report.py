"""The report of a retraining: one page for people, and the verdict as JSON."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echocast.model.plotting.evaluation_report import PAGE
from echocast.model.registry.model_card import front_matter
from echocast.model.retraining import plots
from echocast.model.retraining.events import Event
from echocast.model.retraining.paired_forecasts import PairedForecasts
from echocast.model.retraining.split import Split
from echocast.model.retraining.stages import write_json
from echocast.model.retraining.verdict import Check, Verdict

MARKS = {True: "passed", False: "failed", None: "not judged"}
MOST_SHOWN = 50


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
    title = f"Retraining {html.escape(str(results.order['id']))}: {verdict.outcome}"
    body = "".join(_sections(results, verdict, paired))
    (folder / "index.html").write_text(PAGE.format(title=title, body=body))


def card(reference: str, verdict: Verdict) -> str:
    """A model card in a few lines, with front matter."""
    lines = "\n".join(f"* {check.text}" for check in verdict.checks)
    return f"{front_matter(reference)}# {reference}\n\nRetrained. {verdict.why}\n\n{lines}\n"


def _sections(
    results: StageResults, verdict: Verdict, paired: Sequence[PairedForecasts]
) -> Iterator[str]:
    archive = f"on the archive {html.escape(str(results.order['archive']))}"
    yield f"<p>{_models_compared(results)}, {archive}.</p><p>{html.escape(verdict.why)}</p>"
    if verdict.sample:
        sample = ", ".join(f"{n:,} {what.replace('_', ' ')}" for what, n in verdict.sample.items())
        yield f"<p>{'Held out' if paired else 'Found'}: {sample}.</p>"
    yield _checks(verdict.checks)
    if paired:
        yield _plot("difference of CSI", plots.differences(verdict))
        yield from (_plot(*named) for named in plots.score_plots(paired).items())
        if len(paired) < 10:
            yield (
                "<p><small>With fewer than ten events the intervals mostly show the hours"
                " within them, little of other weather.</small></p>"
            )
    if results.losses:
        yield _plot("loss", plots.loss(results.losses))
    yield from _data(results.collected)


def _models_compared(results: StageResults) -> str:
    champion = f"champion <b>{html.escape(results.order['champion'])}</b>"
    if results.collected["missing"]:
        return f"No challenger was trained for the {champion}"
    return f"Challenger <b>{html.escape(results.order['challenger'])}</b> against {champion}"


def _plot(name: str, picture: str) -> str:
    return f'<p><img alt="{html.escape(name)}" src="{picture}"></p>'


def _checks(checks: Sequence[Check]) -> str:
    if not checks:
        return ""
    rows = "".join(
        f"<tr><td>{html.escape(check.name)}</td><td>{MARKS[check.passed]}</td>"
        f'<td style="text-align:left">{html.escape(check.text)}</td></tr>'
        for check in checks
    )
    return f"<h2>Checks</h2><table><tr><th>check</th><th></th><th></th></tr>{rows}</table>"


def _data(collected: Mapping[str, Any]) -> Iterator[str]:
    """What the archive held, where its segments end, and which part each event is in."""
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{counts['frames']:,}</td><td>{counts['runs']}</td></tr>"
        for name, counts in collected["streams"].items()
    )
    yield (
        "<h2>Archive</h2><table><tr><th>stream</th><th>frames</th><th>even runs</th></tr>"
        f"{rows}</table>"
    )
    split = Split.from_json(collected["split"])
    yield _plot("events by time", plots.timeline(split, collected["breaks"]))
    windows = collected["windows"]
    for part, events in vars(split).items():
        table = _events(events, windows)
        yield f"<h3>{part.replace('_', ' ')}: {len(events)} events</h3>{table}"
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
    rows = "".join(
        f"<tr><td>{html.escape(event.name)}</td><td>{len(event.times)}</td>"
        f"<td>{event.heavy_pixels:,}</td><td>{windows.get(event.name, 0)}</td></tr>"
        for event in events
    )
    names = ("event", "frames", "pixels at 40 dBZ", "training windows")
    head = "<tr>" + "".join(f"<th>{name}</th>" for name in names) + "</tr>"
    return f"<table>{head}{rows}</table>" if events else "<p>None.</p>"
