"""Tables of an evaluation: every score with its bias and on how many observed pixels it stands."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from echocast.model.plotting.methods import DECODED_SPROG
from echocast.model.plotting.report.page import cell, table
from echocast.model.verification.bootstrap import csi_difference
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import (
    CLASSES,
    THRESHOLDS_DBZ,
    label,
)
from echocast.model.verification.event_scores import FEWEST_BLOCKS, EventScores, joined
from echocast.model.verification.probability_scores import in_tenths, reliability_slope, roc_area
from echocast.model.verification.recut import Recut, at_equal_bias, summed
from echocast.model.verification.start_counts import SCALES_KM

FEWEST = 1000  # observed pixels, below which a score is pale and none is the best

Score = Callable[[ContingencyTable], float]
Decoded = Mapping[str, Sequence[Recut]]  # S-PROG by the cuts of other events, by event


def csi(counts: ContingencyTable) -> float:
    """The critical success index, as a function."""
    return counts.critical_success_index


@dataclass(frozen=True)
class Row:
    """A method in a table.

    Args:
        name: As people read it.
        tables: Per threshold.
        first: Cells between the name and the scores.
    """

    name: str
    tables: Sequence[ContingencyTable]
    first: tuple[str, ...] = ()


def number(value: float, decimals: int = 3, sign: str = "") -> str:
    """A number, or n/a where it is undefined."""
    return "n/a" if math.isnan(value) else f"{value:{sign}.{decimals}f}"


def observed_in(scores: EventScores) -> list[str]:
    """Headings: each threshold with the number of pixels that were observed there."""
    tables = (scores.table(scores.methods[0], threshold) for threshold in THRESHOLDS_DBZ)
    return [
        f"{threshold:g} dBZ<br><small>n = {counts.observed:,}</small>"
        for threshold, counts in zip(THRESHOLDS_DBZ, tables, strict=True)
    ]


def pooled_table(whole: EventScores, decoded: Decoded, score: Score, caption: str) -> str:
    """A score of every method and its MSE, all events, start times and leads together."""
    rows = method_rows(whole)
    if decoded:
        rows.append(decided_row(summed(decoded)))
    return score_table(whole, rows, score, caption)


def method_rows(scores: EventScores) -> list[Row]:
    """A row for every method, with its MSE."""
    return [
        Row(
            label(method),
            [scores.table(method, threshold) for threshold in THRESHOLDS_DBZ],
            (cell(number(scores.mean_squared_error(method), 1)),),
        )
        for method in scores.methods
    ]


def decided_row(tables: Sequence[ContingencyTable]) -> Row:
    """The row of decoded S-PROG, which has no field of its own, so no MSE."""
    return Row(DECODED_SPROG, tables, (cell("<small>no field</small>"),))


def score_table(scores: EventScores, rows: Sequence[Row], score: Score, caption: str) -> str:
    """Scores by threshold, after the MSE."""
    head = ["method", "MSE<br><small>dBZ²</small>", *observed_in(scores)]
    return _scores(head, rows, score, caption)


def _scores(head: Sequence[str], rows: Sequence[Row], score: Score, caption: str) -> str:
    """Scores with their bias; the best of each column is marked, too few pixels are pale."""
    best = [_best(column, score) for column in zip(*(row.tables for row in rows), strict=True)]
    return table(
        head,
        (
            [
                cell(html.escape(row.name)),
                *row.first,
                *(scored(*pair, score) for pair in zip(row.tables, best, strict=True)),
            ]
            for row in rows
        ),
        caption,
    )


def _best(tables: Iterable[ContingencyTable], score: Score) -> float:
    values = [score(counts) for counts in tables if counts.observed >= FEWEST]
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def scored(counts: ContingencyTable, best: float, score: Score, more: str = "") -> str:
    """A cell: the score, its bias and ``more`` beside it."""
    value, few = score(counts), counts.observed < FEWEST
    kind = "few" if few else "best" if value == best else ""
    bias = number(counts.frequency_bias, 2)
    return cell(
        "n/a" if math.isnan(value) else f"{number(value)} <small>{bias}{more}</small>", kind
    )


def equal_bias_table(scores: EventScores) -> str:
    """CSI where every method has a bias near 1, and the cut that makes it so."""
    recuts = {name: at_equal_bias(scores, name) for name in scores.every_method}
    best = {
        t: _best((cut.table for one in recuts.values() if (cut := one[t])), csi)
        for t in THRESHOLDS_DBZ
    }
    rows = [
        [
            cell(f"{html.escape(label(name))} <small>by {_what(scores, name)}</small>"),
            *(_recut_cell(one[t], best[t], chances=name in scores.probabilistic) for t in best),
        ]
        for name, one in recuts.items()
    ]
    caption = "CSI <small>bias, and from which dBZ or probability on it is a yes</small>"
    return table(["method", *observed_in(scores)], rows, caption)


def _what(scores: EventScores, name: str) -> str:
    return "probability" if name in scores.probabilistic else "value"


def _recut_cell(recut: Recut | None, best: float, *, chances: bool) -> str:
    if recut is None:
        return cell("n/a", "few")
    at = f"{recut.at:.2f}" if chances else f"{recut.at:g} dBZ"
    return scored(recut.table, best, csi, f", {at}")


def difference_table(events: Sequence[EventScores], model: str) -> str:
    """CSI of the model minus that of each method, with an interval where blocks are enough."""
    minutes = 2 * max(event.lead_minutes[-1] for event in events)
    rows = []
    for method in (name for name in events[0].methods if name != model):
        blocks = [event.blocks((model, method), minutes) for event in events]
        count = sum(len(block) for block in blocks)
        cells = [
            cell(_difference([block[:, :, t] for block in blocks], count))
            for t in range(len(THRESHOLDS_DBZ))
        ]
        rows.append([cell(html.escape(label(method))), *cells])
    enough = count >= FEWEST_BLOCKS
    note = (
        f"90 % interval from resampled events, and blocks of {minutes:g} min within them ({count}"
        " blocks)"
        if enough
        else f"no interval: {count} blocks of {minutes:g} min (the time that one forecast and its"
        f" input span) are fewer than the {FEWEST_BLOCKS} that one needs"
    )
    heads = observed_in(joined("all", events))
    return table(["minus", *heads], rows, f"Difference in CSI; {note}.")


def _difference(blocks: Sequence[object], count: int) -> str:
    value, low, high = csi_difference(blocks)  # type: ignore[arg-type]
    shown = number(float(value), 3, "+")
    if math.isnan(value) or count < FEWEST_BLOCKS:
        return shown
    return f"{shown} <small>{low:+.3f} to {high:+.3f}</small>"


def lead_table(scores: EventScores, threshold_dbz: float) -> str:
    """CSI and bias of every method by lead time."""
    leads = range(len(scores.lead_minutes))
    rows = [
        Row(label(method), [scores.table(method, threshold_dbz, k) for k in leads])
        for method in scores.methods
    ]
    observed = [counts.observed for counts in rows[0].tables]
    head = [
        f"{minutes:g} min<br><small>n = {n:,}</small>"
        for minutes, n in zip(scores.lead_minutes, observed, strict=True)
    ]
    return _scores(["method", *head], rows, csi, f"CSI <small>bias</small>, {threshold_dbz:g} dBZ")


def scale_table(scores: EventScores, threshold_dbz: float) -> str:
    """FSS of every method by scale."""
    values = {m: scores.fractions_skill_score(m, threshold_dbz) for m in scores.methods}
    best = [max(column, default=math.nan) for column in zip(*values.values(), strict=True)]
    counts = scores.table(scores.methods[0], threshold_dbz)
    rows = [
        [
            cell(html.escape(label(method))),
            *(
                cell(number(value), "best" if value == top else "")
                for value, top in zip(row, best, strict=True)
            ),
            cell(number(scores.table(method, threshold_dbz).frequency_bias, 2)),
        ]
        for method, row in values.items()
    ]
    caption = f"FSS, {threshold_dbz:g} dBZ, n = {counts.observed:,} observed pixels"
    return table(["method", *(f"{scale} km" for scale in SCALES_KM), "bias"], rows, caption)


def probability_table(scores: EventScores) -> str:
    """Brier score by threshold, and CRPS, of probabilities and of plain yes or no."""
    names = dict.fromkeys((*scores.probabilistic, *scores.methods))
    rows = []
    for name in names:
        brier = [scores.brier_score(name, threshold) for threshold in THRESHOLDS_DBZ]
        kind = "" if name in scores.probabilistic else " <small>yes or no</small>"
        rows.append(
            [
                cell(html.escape(label(name)) + kind),
                cell(number(scores.crps(name), 4)),
                *(cell(number(value, 5)) for value in brier),
            ]
        )
    head = ["method", "CRPS<br><small>dB, 20 to 50 dBZ</small>"]
    return table([*head, *observed_in(scores)], rows, "Brier score; less is better")


def discrimination_table(scores: EventScores) -> str:
    """Slope of reliability and area below the ROC curve."""
    rows = []
    for name in scores.probabilistic:
        counts = scores.probabilities(name)
        for what, score in (("slope", reliability_slope), ("ROC area", roc_area)):
            values = map(partial(score, counts), range(len(THRESHOLDS_DBZ)))
            rows.append(
                [cell(f"{html.escape(label(name))}: {what}"), *map(cell, map(number, values))]
            )
    return table(["probabilities of", *observed_in(scores)], rows) if rows else ""


def reliability_table(scores: EventScores, threshold_dbz: float) -> str:
    """What followed each class of probability: pixels, and the share that was observed."""
    t, rows = THRESHOLDS_DBZ.index(threshold_dbz), []
    for name in scores.probabilistic:
        classes = in_tenths(scores.probabilities(name), t)
        rows.append([cell(html.escape(label(name))), *(cell(_share(*one)) for one in classes)])
    head = [f"{10 * k} to {10 * (k + 1)} %" for k in range(CLASSES)]
    return table(
        ["probabilities of", *head],
        rows,
        f"Observed share <small>pixels</small>, {threshold_dbz:g} dBZ",
    )


def _share(not_exceeded: int, exceeded: int) -> str:
    pixels = int(not_exceeded + exceeded)
    return f"{exceeded / pixels:.3f}<br><small>{pixels:,}</small>" if pixels else "<small>0</small>"


def event_table(event: EventScores, decoded: Decoded) -> str:
    """One event: CSI and bias of every method, all leads together."""
    rows, caption = method_rows(event), "CSI <small>bias</small>"
    if recuts := decoded.get(event.event):
        rows.append(decided_row([one.table for one in recuts]))
        cuts = ", ".join(f"{one.at:g}" for one in recuts)
        caption += f"; {DECODED_SPROG} says yes from {cuts} dBZ on, chosen on the other events"
    return score_table(event, rows, csi, caption)
