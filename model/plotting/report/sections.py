"""The sections with scores: the same in an evaluation and in the report of a retraining."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from echocast.model.plotting.methods import DECODED_SPROG, MEANINGS
from echocast.model.plotting.report import plots, tables
from echocast.model.plotting.report.page import Section, drawing, figure
from echocast.model.verification.calibration import FEWEST_EVENTS
from echocast.model.verification.counts import (
    FRACTIONS_THRESHOLDS_DBZ,
    PYSTEPS_SPROG,
    STREAM_THRESHOLDS_DBZ,
    label,
)
from echocast.model.verification.event_scores import EventScores, joined
from echocast.model.verification.recut import decoded_sprog

BIAS = (
    "Beside each score stands the frequency bias: events forecast per event observed. CSI and ETS"
    " reward a bias above 1, so compare methods at equal bias, too. n: observed pixels. Marked: the"
    f" best of a column. Pale: fewer than {tables.FEWEST:,} observed pixels, too few to tell."
)


def score_sections(events: Sequence[EventScores], model: str) -> Iterator[Section]:
    """All sections with scores.

    Args:
        events: One or more, of the same methods.
        model: The method that the others are compared with.
    """
    whole, decoded = joined("all", events), decoded_sprog(events)
    yield Section("All events together", "pooled", _pooled(events, whole, decoded))
    yield Section("At equal bias", "equal-bias", _equal_bias(whole))
    yield Section(
        "Differences", "differences", tables.difference_table(events, model) + _about_intervals()
    )
    yield Section("By lead time", "lead-times", "".join(_by_lead(events)))
    yield Section("By scale", "scales", _by_scale(whole))
    yield Section("Probabilities", "probabilities", "".join(_probabilities(whole)))
    yield Section("Event by event", "events", "".join(_by_event(events, decoded)))
    yield Section("What the methods are", "methods", _meanings(whole, decoded))


def _pooled(events: Sequence[EventScores], whole: EventScores, decoded: tables.Decoded) -> str:
    forecasts, pixels = len(whole.starts), whole.pixels
    scores = {
        "Critical success index (CSI)": tables.csi,
        "Equitable threat score (ETS)": lambda t: t.equitable_threat_score,
        "Heidke skill score (HSS)": lambda t: t.heidke_skill_score,
    }
    return (
        f"<p>{len(events)} events, {forecasts} forecasts, {pixels:,} pixels, the same for all"
        f" methods. Counts are added over pixels, lead times, forecasts and events, then divided."
        f" {BIAS}</p>"
        + "".join(
            tables.pooled_table(whole, decoded, score, f"{name} <small>bias</small>")
            for name, score in scores.items()
        )
        + _without_decoded(events)
        + figure(
            "performance diagram",
            drawing(plots.performance(whole)),
            "POD against 1 - FAR; grey lines: equal CSI (.1 to .9); dotted: bias 1.",
        )
    )


def _without_decoded(events: Sequence[EventScores]) -> str:
    if PYSTEPS_SPROG in events[0].methods and len(events) < 2:
        return f"<p>{DECODED_SPROG} needs a second event that its cuts are chosen on.</p>"
    return ""


def _equal_bias(whole: EventScores) -> str:
    return (
        "<p>One cut a threshold, all lead times alike, chosen so that the bias is as near to 1 as"
        " the values of a method allow: what is in a forecast, whatever its bias. n/a: no cut comes"
        " within 15 %.</p>" + tables.equal_bias_table(whole)
    )


def _about_intervals() -> str:
    return (
        "<p><small>Neighbouring forecasts share their weather, so blocks of time are drawn, never"
        " pixels. An interval of few events says little of other weather.</small></p>"
    )


def _by_lead(events: Sequence[EventScores]) -> Iterator[str]:
    """Events with the same lead times together."""
    layouts = dict.fromkeys(event.lead_minutes for event in events)
    for minutes in layouts:
        some = [event for event in events if event.lead_minutes == minutes]
        scores = joined("some", some)
        if len(layouts) > 1:
            names = ", ".join(html.escape(event.event) for event in some)
            yield f"<h3>Leads {minutes[0]:g} to {minutes[-1]:g} min: {names}</h3>"
        yield figure("scores by lead time", drawing(plots.csi_by_lead(scores)))
        yield from (tables.lead_table(scores, threshold) for threshold in STREAM_THRESHOLDS_DBZ)


def _by_scale(whole: EventScores) -> str:
    return (
        "<p>The fractions skill score (FSS) compares shares of events in squares of growing size,"
        " so that a small displacement is no total miss.</p>"
        + figure("fractions skill score by scale", drawing(plots.skill_by_scale(whole)))
        + "".join(tables.scale_table(whole, threshold) for threshold in FRACTIONS_THRESHOLDS_DBZ)
    )


def _probabilities(whole: EventScores) -> Iterator[str]:
    yield (
        "<p>CRPS here is the integral of the Brier score from 20 to 50 dBZ: what happens below and"
        " above does not count in it. A forecast without probabilities is scored as one that is"
        " sure: 0 or 1.</p>"
    )
    yield tables.probability_table(whole)
    if not whole.probabilistic:
        yield "<p>No method has probabilities at these thresholds.</p>"
        return
    yield tables.discrimination_table(whole)
    yield from (tables.reliability_table(whole, t) for t in STREAM_THRESHOLDS_DBZ)
    for name in whole.probabilistic:
        yield f"<h3>Probabilities of {html.escape(label(name))}</h3>"
        yield figure(
            f"reliability and ROC of {label(name)}",
            drawing(plots.probabilities(whole, name)),
            f"Thresholds with fewer than {FEWEST_EVENTS:,} observed pixels are left out.",
        )


def _by_event(events: Sequence[EventScores], decoded: tables.Decoded) -> Iterator[str]:
    for event in events:
        yield f"<h3>{html.escape(event.event)}: {len(event.starts)} forecasts</h3>"
        yield tables.event_table(event, decoded)


def _meanings(whole: EventScores, decoded: tables.Decoded) -> str:
    names = (*whole.every_method, *((DECODED_SPROG,) if decoded else ()))
    pairs = (f"<dt>{html.escape(label(n))}</dt><dd>{MEANINGS[n]}</dd>" for n in names)
    return f"<dl>{''.join(pairs)}</dl>"
