"""Counts of fixed storms are what they were: whole numbers to the bit, ratios to 1e-12."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from echocast.model.formats.forecast_lead import ForecastLead
from echocast.model.training.step import count_events
from echocast.model.verification.bootstrap import csi_difference
from echocast.model.verification.calibration import (
    ExceedanceCounts,
    choose_probability_thresholds,
    choose_weights,
    leave_one_out,
    with_weights,
)
from echocast.model.verification.counts import THRESHOLDS_DBZ, added, with_lead
from echocast.model.verification.event_scores import EventScores
from echocast.model.verification.forecast_scores import verify
from echocast.model.verification.frame_counts import count
from echocast.model.verification.frame_statistics import describe
from echocast.model.verification.live_comparison import ComparisonFloor, compare
from echocast.model.verification.start_counts import StartCounts
from echocast.model.verification.storms import storms
from tests.model.drift.drift_blocks import blocks, run_detector
from tests.model.formats.radar_files import forecast_of, small_storm

GOLDEN = Path(__file__).parent / "golden_counts.json"
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def fields(seed: int, *shape: int) -> np.ndarray:
    """Whole dBZ, thresholds among them; one pixel in ten is missing."""
    random = np.random.default_rng(seed)
    values = random.integers(-5, 65, shape).astype(np.float32)
    values[random.random(shape) < 0.1] = np.nan
    return values


def verification() -> Any:
    forecast, observed = forecast_of(small_storm(coverage_radius_km=9))
    parts = verify(forecast, observed[:4]), verify(forecast, observed[4:])
    return [*(part.to_json() for part in parts), (parts[0] + parts[1]).to_json()]


def event() -> Any:
    rain = fields(1, 6, 4, 2, 24, 24)
    rain[:, 0] = np.where(rain[:, 1] > 20, rain[:, 3], rain[:, 0])
    starts = tuple(StartCounts.of(list(part[:3]), part[3], 1.0) for part in rain)
    methods = ("model", "extrapolation", "persistence")
    minutes = tuple(25.0 * k for k in range(6))
    scored = EventScores("storm", methods, (5.0, 10.0), minutes, starts)
    differences = [
        tuple(map(float, csi_difference([pair[:, :, THRESHOLDS_DBZ.index(threshold)]])))
        for reference, threshold, lead in product(methods[1:], THRESHOLDS_DBZ, (None, 1))
        for pair in [scored.blocks(("model", reference), lead=lead)]
    ]
    return {"json": scored.to_json(), "differences": differences}


def without_lead(counts: Any) -> Any:
    assert {name.partition("|")[0] for name in counts} == {"30"}
    return {name.partition("|")[2]: vector for name, vector in counts.items()}


def frame() -> Any:
    forecast, moved, still, observed = fields(2, 4, 40, 40)
    chance = np.round(np.random.default_rng(3).random((2, 40, 40)), 2).astype(np.float32)
    lead = ForecastLead(NOON, forecast, moved, still, (20.0, 40.0), chance)
    return {
        "model": without_lead(count(lead, observed, ("model", "canary"), 30, 1.0)),
        "challenger": without_lead(count(lead, observed, ("challenger",), 30, None)),
        "frame": {**describe(observed), **storms(observed, 1.5)},
    }


def stream() -> Any:
    """What an hour's sums hold, by the names of the engine's keys."""
    counts = frame()
    parts = [
        *(with_lead(counts["model"], lead) for lead in (5, 10, 10, 7.5)),
        with_lead(counts["challenger"], 10),
        with_lead(counts["frame"], 0),
    ]
    return added(parts)


def exceedance() -> Any:
    forecast, observed = forecast_of(small_storm(coverage_radius_km=11), probabilities=True)
    counts = ExceedanceCounts.of(forecast, observed)
    double = counts + counts
    tables = [double.table(t, first).scores() for t, first in product(range(3), (5, 25, 45))]
    rain = [double.reliability(t) for t in range(3)]
    return {"counts": counts.counts.tolist(), "tables": tables, "reliability": rain}


def calibration() -> Any:
    random = np.random.default_rng(4)
    tried = {
        weight: {
            name: ExceedanceCounts((20.0, 40.0), random.integers(0, 400, (2, 50, 2)))
            for name in "abc"
        }
        for weight in (0.0, 0.03, 0.06)
    }
    weights = choose_weights(tried)
    events = with_weights(tried, weights)
    chosen = choose_probability_thresholds(list(events.values()))
    return {"weights": weights, "cuts": chosen, "without": leave_one_out(events)}


def live() -> Any:
    random = np.random.default_rng(5)
    pairs = [random.integers(0, 9000, (2, 3)) * (k % 4 > 0) for k in range(40)]
    return compare(pairs, ComparisonFloor()).to_json()


def training() -> Any:
    values = torch.from_numpy(np.nan_to_num(fields(6, 3, 2, 1, 20, 20)) / 70)
    valid = torch.from_numpy(np.isfinite(fields(7, 2, 1, 20, 20)).astype(np.float32))
    return count_events(values[0], values[1], valid).tolist()


def drift() -> Any:
    return run_detector(blocks(8, 120, model=-0.02)).to_json()


def paired() -> Any:
    """Differences of four events at all thresholds, resampled together."""
    events = []
    for number in range(4):
        random, starts = np.random.default_rng(number), []
        for _ in range(6):
            hits = np.array([60, 50]) + random.integers(-3, 4)
            cells = np.stack([hits, 100 - hits, 100 - hits, 3896 + hits], -1)
            counts = np.broadcast_to(cells[:, None, None], (2, len(THRESHOLDS_DBZ), 3, 4))
            starts.append(StartCounts(counts, np.zeros((2, 3)), np.zeros(1)))
        minutes = tuple(20.0 * k for k in range(6))
        scores = EventScores("", ("new", "old"), (6.0, 12.0, 18.0), minutes, tuple(starts))
        events.append(scores.blocks(("new", "old"), 60.0))
    return np.stack(csi_difference(events), -1).tolist()


PARTS = {
    part.__name__: part
    for part in (
        *(verification, event, frame, stream, exceedance, calibration, live, training),
        *(drift, paired),
    )
}


def same(value: Any, golden: Any) -> bool:
    """Equal in shape and whole numbers; other numbers to 1e-12."""
    if isinstance(golden, dict):
        return value.keys() == golden.keys() and all(same(value[k], golden[k]) for k in golden)
    if isinstance(golden, list):
        return len(value) == len(golden) and all(map(same, value, golden))
    if isinstance(golden, float):
        return value == pytest.approx(golden, rel=1e-12, abs=1e-12, nan_ok=True)
    return type(value) is type(golden) and value == golden


@pytest.mark.parametrize("part", PARTS)
def test_counts_are_what_they_were(part: str) -> None:
    golden = json.loads(GOLDEN.read_text())[part]
    assert same(json.loads(json.dumps(PARTS[part]())), golden)


if __name__ == "__main__":  # writes the file anew: only where a change of numbers is meant
    lines = [f"{json.dumps(name)}: {json.dumps(part())}" for name, part in PARTS.items()]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
