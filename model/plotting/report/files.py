"""The numbers of an evaluation for machines: JSON, CSV and NetCDF, counts and scores alike."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from echocast.model.verification.contingency import defined
from echocast.model.verification.counts import (
    FRACTIONS_THRESHOLDS_DBZ,
    THRESHOLDS_DBZ,
    label,
)
from echocast.model.verification.event_scores import EventScores, all_scores, joined
from echocast.model.verification.recut import Recut, at_equal_bias, decoded_sprog
from echocast.model.verification.start_counts import SCALES_KM

COUNTS = ("hits", "misses", "false_alarms", "correct_negatives")
SCORES = ("csi", "bias", "pod", "far", "ets", "hss")
POOLED = "all events"


def to_json(model: str, stride: int, events: Sequence[EventScores]) -> dict[str, Any]:
    """All scores of all events, and of them together, as plain JSON."""
    whole = joined(POOLED, events)
    return {
        "model": model,
        "stride": stride,
        "events": {event.event: event.to_json() for event in events},
        "pooled": whole.to_json(),
        "equal_bias": {
            label(name): {f"{t:g}": _recut(one) for t, one in at_equal_bias(whole, name).items()}
            for name in whole.every_method
        },
        "decoded_sprog": {
            name: {f"{t:g}": _recut(one) for t, one in zip(THRESHOLDS_DBZ, recuts, strict=True)}
            for name, recuts in decoded_sprog(events).items()
        },
    }


def _recut(recut: Recut | None) -> dict[str, Any] | None:
    return None if recut is None else {"at": recut.at, **all_scores(recut.table)}


def write(folder: Path, model: str, stride: int, events: Sequence[EventScores]) -> list[str]:
    """Write everything that was counted, and the scores made from it.

    Args:
        folder: A folder.
        model: Name and version of the model.
        stride: Frames between reference times.
        events: One or more, of the same methods.

    Returns:
        The names of the files.
    """
    (folder / "scores.json").write_text(json.dumps(to_json(model, stride, events), indent=1))
    tables = {"scores": score_rows, "scales": scale_rows, "probabilities": probability_rows}
    for name, rows in tables.items():
        _write_csv(folder / f"{name}.csv", (row for event in events for row in rows(event)))
    to_dataset(model, events).to_netcdf(folder / "scores.nc")
    return ["scores.json", *(f"{name}.csv" for name in tables), "scores.nc"]


def _write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    first, *rest = [*rows] or [{}]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerows([first, *rest] if first else [])


def score_rows(event: EventScores) -> Iterator[dict[str, Any]]:
    """Counts and scores by method, threshold and lead time; undefined ones are empty."""
    leads = range(len(event.lead_minutes))
    for method, threshold, k in product(event.methods, THRESHOLDS_DBZ, leads):
        table = event.table(method, threshold, k)
        yield {
            "event": event.event,
            "method": label(method),
            "threshold_dbz": threshold,
            "lead_minutes": event.lead_minutes[k],
            **all_scores(table),
            "mse_dbz2": defined(event.mean_squared_error(method, k)),
            "brier": defined(event.brier_score(method, threshold, k)),
        }


def scale_rows(event: EventScores) -> Iterator[dict[str, Any]]:
    """FSS by method, threshold and scale, all leads together."""
    for method, threshold in product(event.methods, FRACTIONS_THRESHOLDS_DBZ):
        values = event.fractions_skill_score(method, threshold)
        for scale, value in zip(SCALES_KM, values, strict=True):
            yield {
                "event": event.event,
                "method": label(method),
                "threshold_dbz": threshold,
                "scale_km": scale,
                "fss": defined(value),
            }


def probability_rows(event: EventScores) -> Iterator[dict[str, Any]]:
    """Pixels by class of probability and what followed, all leads together."""
    for method in event.probabilistic:
        counts = event.probabilities(method).counts
        for (t, threshold), k in product(enumerate(THRESHOLDS_DBZ), range(counts.shape[1])):
            yield {
                "event": event.event,
                "method": label(method),
                "threshold_dbz": threshold,
                "from_probability": k / counts.shape[1],
                "not_exceeded": int(counts[t, k, 0]),
                "exceeded": int(counts[t, k, 1]),
            }


def to_dataset(model: str, events: Sequence[EventScores]) -> xr.Dataset:
    """Counts of all events, which add, and the scores of each, which do not."""
    first = events[0]
    cells = np.stack([event.total.values for event in events])
    axes = ("event", "forecast_method", "threshold", "lead")
    scores = [[_scores_of(event, method) for method in first.methods] for event in events]
    return xr.Dataset(
        {
            **{name: (axes, cells[..., k]) for k, name in enumerate(COUNTS)},
            **{
                name: (axes, np.array([[one[name] for one in row] for row in scores], float))
                for name in SCORES
            },
            "squared_error": (("event", "forecast_method", "lead"), _summed(events, "squares")),
            "fss_terms": (
                ("event", "forecast_method", "fss_threshold", "lead", "scale", "term"),
                _summed(events, "fractions"),
            ),
            "brier_sum": (
                ("event", "probabilistic_method", "threshold", "lead"),
                _summed(events, "brier"),
            ),
            "probability_classes": (
                ("event", "probabilistic_method", "threshold", "probability_class", "outcome"),
                _summed(events, "classes"),
            ),
            "level_counts": (
                ("event", "forecast_method", "level", "thresholds_reached"),
                _summed(events, "levels"),
            ),
        },
        {
            "event": [event.event for event in events],
            "forecast_method": [label(method) for method in first.methods],
            "probabilistic_method": [label(method) for method in first.probabilistic],
            "threshold": ("threshold", list(THRESHOLDS_DBZ), {"units": "dBZ"}),
            "fss_threshold": ("fss_threshold", list(FRACTIONS_THRESHOLDS_DBZ), {"units": "dBZ"}),
            "scale": ("scale", list(SCALES_KM), {"units": "km"}),
            "term": ["squared_difference", "sum_of_squares"],
            "outcome": ["not_exceeded", "exceeded"],
            "lead_minutes": (("event", "lead"), [event.lead_minutes for event in events]),
            "forecasts": ("event", [len(event.starts) for event in events]),
        },
        {"title": f"Scores of {model}", "comment": "counts add over events; ratios come last"},
    )


def _summed(events: Sequence[EventScores], part: str) -> np.ndarray:
    return np.stack([event.summed(part) for event in events])


def _scores_of(event: EventScores, method: str) -> dict[str, list[list[float | None]]]:
    """(threshold, lead) of each score, NaN where undefined."""
    leads = range(len(event.lead_minutes))
    rows = [
        [all_scores(event.table(method, threshold, k)) for k in leads]
        for threshold in THRESHOLDS_DBZ
    ]
    return {name: [[one[name] for one in row] for row in rows] for name in SCORES}
