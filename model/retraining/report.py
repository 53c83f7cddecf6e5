"""The report of a retraining: one page that tells the whole story, and the decision as JSON."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echocast.model.plotting.evaluation_report import PAGE
from echocast.model.retraining import plots
from echocast.model.retraining.decision import Check, Decision
from echocast.model.retraining.events import Event
from echocast.model.retraining.paired_forecasts import Contest
from echocast.model.retraining.split import Split
from echocast.model.retraining.stages import write_json

MARKS = {True: "passed", False: "failed", None: "not judged"}
SHOWN_BREAKS = 50


@dataclass(frozen=True)
class Found:
    """What the stages before the last one found, as they left it.

    Args:
        order: ``id``, ``champion``, ``challenger``, ``archive``, ``config``.
        collected: See :func:`echocast.model.retraining.collect.collect`.
        losses: (step, loss) of the training.
    """

    order: Mapping[str, Any]
    collected: Mapping[str, Any]
    losses: Sequence[tuple[int, float]] = ()


def write(folder: Path, found: Found, decision: Decision, contests: Sequence[Contest]) -> None:
    """Write ``decision.json`` and ``index.html``.

    Args:
        folder: Made if need be.
        found: What the earlier stages found.
        decision: The verdict.
        contests: What it rests on; may be empty.
    """
    told = {"order": found.order, "collected": found.collected, "decision": decision.to_json()}
    write_json(folder / "decision.json", told)
    title = f"Retraining {html.escape(str(found.order['id']))}: {decision.verdict}"
    body = "".join(_sections(found, decision, contests))
    (folder / "index.html").write_text(PAGE.format(title=title, body=body))


def card(reference: str, decision: Decision) -> str:
    """A model card in a few lines."""
    lines = "\n".join(f"* {check.text}" for check in decision.checks)
    return f"# {reference}\n\nRetrained. {decision.why}\n\n{lines}\n"


def _sections(found: Found, decision: Decision, contests: Sequence[Contest]) -> Iterator[str]:
    archive = f"on the archive {html.escape(str(found.order['archive']))}"
    yield f"<p>{_rivals(found)}, {archive}.</p><p>{html.escape(decision.why)}</p>"
    if decision.sample:
        told = ", ".join(f"{n:,} {what.replace('_', ' ')}" for what, n in decision.sample.items())
        yield f"<p>{'Held out' if contests else 'Found'}: {told}.</p>"
    yield _checks(decision.checks)
    if contests:
        yield _plot("difference of CSI", plots.differences(decision))
        yield from (_plot(*named) for named in plots.of_contests(contests).items())
        if len(contests) < 10:
            yield (
                "<p><small>With fewer than ten events the intervals tell mostly of the hours"
                " within them, little of other weather.</small></p>"
            )
    if found.losses:
        yield _plot("loss", plots.loss(found.losses))
    yield from _data(found.collected)


def _rivals(found: Found) -> str:
    champion = f"champion <b>{html.escape(found.order['champion'])}</b>"
    if found.collected["missing"]:
        return f"No challenger was trained for the {champion}"
    return f"Challenger <b>{html.escape(found.order['challenger'])}</b> against {champion}"


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
    """What the archive held, where its runs break, and what became of its events."""
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{told['frames']:,}</td><td>{told['runs']}</td></tr>"
        for name, told in collected["streams"].items()
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
    breaks = collected["breaks"]
    if breaks:
        lines = "".join(
            f"<li>{item['time']} {html.escape(item['stream'])}: {html.escape(item['text'])}</li>"
            for item in breaks[:SHOWN_BREAKS]
        )
        more = len(breaks) - SHOWN_BREAKS
        rest = f"<p>And {more} more.</p>" if more > 0 else ""
        yield (
            f"<h3>Runs break {len(breaks)} times</h3><p>No window reaches across.</p>"
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
