"""Scores by half hours of lead time, as a table for the terminal: network and what follows it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import STREAM_THRESHOLDS_DBZ, label
from echocast.model.verification.event_scores import EventScores

SPAN_MINUTES: Final = 30.0
Span = tuple[int, str]  # which half hour, and what makes its leads
Leads = dict[Span, list[tuple[EventScores, int]]]  # of each event, by their index


def span_table(events: Sequence[EventScores]) -> str:
    """All events together, by half hour and by what made the model's lead times.

    Args:
        events: Of the same methods, with the sources of their lead times.
    """
    head = " | ".join(f"CSI-{threshold:g} (bias; n)" for threshold in STREAM_THRESHOLDS_DBZ)
    lines = [f"| leads, min | made by | method | MSE dBZ² | {head} |"]
    lines.append("|---" * (4 + len(STREAM_THRESHOLDS_DBZ)) + "|")
    for (_, source), leads in sorted(_spans(events).items()):
        minutes = [event.lead_minutes[k] for event, k in leads]
        named = f"{min(minutes):g} to {max(minutes):g} | {source}"
        lines += [f"| {named} | {row} |" for row in _rows(leads)]
    return "\n".join(lines)


def _spans(events: Sequence[EventScores]) -> Leads:
    spans: Leads = {}
    for event in events:
        pairs = zip(event.lead_minutes, event.lead_sources, strict=True)
        for k, (minutes, source) in enumerate(pairs):
            half_hour = math.ceil(minutes / SPAN_MINUTES)
            spans.setdefault((half_hour, source), []).append((event, k))
    return spans


def _rows(leads: Sequence[tuple[EventScores, int]]) -> Iterator[str]:
    pixels = sum(event.summed("pixels")[k] for event, k in leads)
    for m, method in enumerate(leads[0][0].methods):
        squares = sum(event.summed("squares")[m, k] for event, k in leads)
        error = f"{squares / pixels:.1f}" if pixels else "n/a"
        cells = (_cell(leads, method, threshold) for threshold in STREAM_THRESHOLDS_DBZ)
        yield " | ".join([label(method), error, *cells])


def _cell(leads: Sequence[tuple[EventScores, int]], method: str, threshold_dbz: float) -> str:
    tables = (event.table(method, threshold_dbz, k) for event, k in leads)
    return score_cell(sum(tables, ContingencyTable()))


def score_cell(table: ContingencyTable) -> str:
    """CSI with bias and the number of observed pixels."""
    if not table.union:
        return "n/a (n=0)"
    bias = table.frequency_bias
    shown = "n/a" if not np.isfinite(bias) else f"{bias:.2f}"
    return f"{table.critical_success_index:.3f} ({shown}; {table.observed})"
