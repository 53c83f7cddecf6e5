"""Two months of metrics of a simulated stream, in a real Prometheus.

A service exports the metrics of now only. So those that the Skill dashboard needs are computed
from blocks of counts and imported into Prometheus with their times.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
from prometheus_client.core import Metric

from echocast.model.drift.blocks import BLOCK, Block
from echocast.model.drift.detector import Drift
from echocast.model.sequence.rain_changes import KINDS
from echocast.model.verification.counts import (
    CANARY,
    CLASSES,
    MODEL,
    RELIABILITY,
    STREAM_THRESHOLDS_DBZ,
)
from echocast.model.verification.frame_statistics import (
    HISTOGRAM,
    PIXELS,
    percentile_dbz,
    stability_index,
)
from echocast.service.metrics.drift import _limits, _of_streams
from echocast.service.metrics.exposition import Constants
from echocast.service.metrics.streams import OUTCOMES
from echocast.service.streams.sample_floors import SampleFloors
from tests.deploy.imported_samples import prometheus_over

STREAM, LEAD = "radar", "40"
SERVES = {"name": "made-up", "version": "2"}
METHODS = (MODEL, CANARY, "decoded_extrapolation", "extrapolation", "persistence")
STORM_PIXELS = 100  # of made-up weather that count as one storm, for want of better
PARTS = 12  # samples in a block
SECONDS = int(BLOCK.total_seconds())
DAY = 4  # blocks
Sample = tuple[str, tuple[tuple[str, str], ...]]
History = dict[Sample, list[tuple[int, float]]]


def history(before: Sequence[Block], after: Sequence[Block], end: int) -> History:
    """All samples of a stream whose last block ends at a time.

    Args:
        before: Blocks in order, without gaps.
        after: Those that follow them, from when a model began to serve.
        end: Seconds since 1970.
    """
    blocks = [*before, *after]
    served = _sample_of("registry_champion_since_timestamp_seconds", SERVES)
    samples: History = {}
    totals: dict[str, float] = {}
    state = Drift()
    for index, block in enumerate(blocks):
        begin = end - SECONDS * (len(blocks) - index)
        for part in range(1, PARTS + 1):
            at = begin + SECONDS * part // PARTS
            for sample, count in _counted(block):
                totals[str(sample)] = totals.get(str(sample), 0.0) + count / PARTS
                samples.setdefault(sample, []).append((at, totals[str(sample)]))
        state = state.update(block)
        families = [*_of_streams({STREAM: state}), *_limits(), *Constants(SampleFloors()).collect()]
        gauges = [*_gauges(families), *_input(blocks[: index + 1])]
        if index >= len(before):
            gauges.append((served, float(end - SECONDS * len(after))))
        for sample, value in gauges:
            samples.setdefault(sample, []).extend(
                (begin + SECONDS * part // PARTS, value) for part in range(1, PARTS + 1)
            )
    return samples


def _counted(block: Block) -> Iterator[tuple[Sample, float]]:
    """What a block adds to each counter."""
    for threshold in STREAM_THRESHOLDS_DBZ:
        at = {"stream": STREAM, "threshold_dbz": f"{threshold:g}"}
        for method in METHODS:
            for outcome in OUTCOMES:
                labels = {**at, "method": method, "lead_minutes": LEAD, "outcome": outcome}
                count = getattr(block.table(method, threshold), outcome)
                yield _sample("verification_pixels_total", labels), count
        table = block.table(MODEL, threshold)
        storms = (table.hits + table.misses) // STORM_PIXELS
        yield _sample("storms_total", at), storms
        vector = block.counts.get(f"{RELIABILITY}|{threshold:g}", [0] * 2 * CLASSES)
        for place in range(CLASSES):
            labels = {**at, "probability": f"{(place + 0.5) / CLASSES:g}"}
            yield _sample("probability_pixels_total", labels), vector[place]
            yield _sample("probability_exceeded_pixels_total", labels), vector[CLASSES + place]
    for role in (MODEL, "fallback"):
        labels = {"stream": STREAM, "role": role, "lead_minutes": LEAD}
        count = sum(block.counts.get(f"forecasts|{role}", (0,)))
        yield _sample("verified_forecasts_total", labels), count
    yield _sample("corrections_total", {"stream": STREAM}), 0


def _gauges(families: Sequence[Metric]) -> Iterator[tuple[Sample, float]]:
    for family in families:
        for one in family.samples:
            yield (one.name, tuple(one.labels.items())), one.value


def _input(blocks: Sequence[Block]) -> Iterator[tuple[Sample, float]]:
    """Gauges of the input over the newest day."""
    day, before = blocks[-DAY:], blocks[-31 * DAY : -DAY]
    today, reference = (_histogram(some) for some in (day, before))
    pixels = [sum(b.counts.get(PIXELS, (0, 0))[place] for b in day) for place in (0, 1)]
    values = {
        "missing_share": pixels[1] / pixels[0] if pixels[0] else None,
        "absent_frames": sum(block.expected - block.received for block in day),
        "set_aside_frames": 0.0,
        "delay_seconds": 60.0,
        "dbz_stability_index": stability_index(today, reference),
        "dbz_percentile_95": percentile_dbz(today),
    }
    for kind in KINDS:
        yield _sample("implausible_frames", {"stream": STREAM, "kind": kind}), 0.0
    for name, value in values.items():
        if value is not None:
            yield _sample(name, {"stream": STREAM}), value


def _histogram(blocks: Sequence[Block]) -> list[int]:
    rows = [block.counts[HISTOGRAM] for block in blocks if HISTOGRAM in block.counts]
    return [sum(column) for column in zip(*rows, strict=True)] or [0] * 13


def _sample(name: str, labels: Mapping[str, str]) -> Sample:
    return _sample_of(f"stream_{name}", labels)


def _sample_of(name: str, labels: Mapping[str, str]) -> Sample:
    return f"echocast_{name}", tuple(labels.items())


def _text(history: History) -> Iterator[str]:
    """The samples in the OpenMetrics text format, all of a family together."""
    families: dict[str, list[Sample]] = {}
    for sample in history:
        families.setdefault(sample[0], []).append(sample)
    for name, samples in families.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        yield f"# TYPE {name.removesuffix('_total')} {kind}"
        for sample in samples:
            labels = ",".join(f'{label}="{value}"' for label, value in sample[1])
            for at, value in history[sample]:
                yield f"{name}{{{labels}}} {value:.6g} {at}"
    yield "# EOF"


@contextmanager
def prometheus_with_history(
    folder: Path, before: Sequence[Block], after: Sequence[Block]
) -> Iterator[tuple[httpx.Client, int]]:
    """A Prometheus with the history of a simulated stream up to now, and the time of its end."""
    end = int(time.time()) // SECONDS * SECONDS
    path = folder / "history.txt"
    path.write_text("\n".join(_text(history(before, after, end))) + "\n")
    with prometheus_over(path, folder, timedelta(hours=1)) as client:
        yield client, end
