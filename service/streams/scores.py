"""Scores of a stream from the engine's sums: views, CSV, and what the gauges show."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import (
    BESIDE_CHALLENGER,
    CANARY,
    CHALLENGER,
    CLASS_MIDDLES,
    DECODED,
    EXTRAPOLATION,
    FALLBACK,
    METHODS,
    MODEL,
    STREAM_THRESHOLDS_DBZ,
    ContingencyCounts,
    Counts,
    added,
    all_leads,
    reliability,
)
from echocast.service.http.schemas import Scores
from echocast.service.streams.sample_floors import SampleFloors
from echocast.service.streams.verification_schemas import (
    ReliabilityClass,
    StreamLeadScores,
    StreamThreshold,
    StreamVerification,
)
from echocast.workers.streams.count_sums import CountSums
from echocast.workers.streams.paths import TimeSpan

FEWEST_EVENTS = 1000  # pixels that the model or the reference hit, missed or alarmed falsely
HOUR = timedelta(hours=1)
ROLE_OF = dict.fromkeys(METHODS, MODEL) | {role: role for role in (CANARY, CHALLENGER, FALLBACK)}
ROLE_OF[BESIDE_CHALLENGER] = CHALLENGER


def verification(
    sums: CountSums,
    stream: str,
    span: TimeSpan,
    floors: SampleFloors,
    methods: Sequence[str] = METHODS,
) -> StreamVerification:
    """How good a stream's forecasts were over the whole hours, or old blocks, that a span touches.

    Args:
        sums: The engine's sums.
        stream: Name.
        span: Valid times.
        floors: Sizes below which a sample is small.
        methods: Which ones.
    """
    hourly = sums.hourly(stream, span)
    vectors = added(hourly.values())
    leads, touched = leads_of(vectors), list(hourly)
    by_lead = all_leads(vectors)
    layout = METHODS, STREAM_THRESHOLDS_DBZ, leads
    counts = ContingencyCounts.of_named(by_lead, *layout)
    pooled = ContingencyCounts.of_named(vectors, *layout)
    return StreamVerification(
        stream=stream,
        first=touched[0],
        last=touched[-1] + HOUR,
        methods={
            method: {
                f"{threshold:g}": _threshold(counts, pooled, by_lead, method, threshold)
                for threshold in STREAM_THRESHOLDS_DBZ
            }
            for method in methods
        },
        samples={
            f"{threshold:g}": floors.sample(hourly, threshold)
            for threshold in STREAM_THRESHOLDS_DBZ
        },
        floors=asdict(floors),
        paired_skill={
            f"{threshold:g}": [
                paired_skill(*(counts.table(m, threshold, k) for m in (MODEL, DECODED)))
                for k in range(len(leads))
            ]
            for threshold in STREAM_THRESHOLDS_DBZ
        },
        reliability=_reliability(vectors, leads),
        corrections=sums.corrections(stream),
    )


def leads_of(vectors: Counts) -> list[float]:
    """The lead times in minutes that were counted, in order."""
    leads = {float(name.partition("|")[0]) for name in vectors}
    return sorted(leads - {0.0})


def paired_skill(model: ContingencyTable, reference: ContingencyTable) -> float | None:
    """Share of the way from the reference's CSI to a perfect one that the model went.

    (CSI_model - CSI_ref) / (1 - CSI_ref), both on the same pixels. 1 is perfect, 0 as good as the
    reference; None where either has too few events to tell, or the reference is perfect. Weather
    moves both scores, so this one tells drift from a hard day.
    """
    if min(model.union, reference.union) < FEWEST_EVENTS:
        return None
    gain = model.critical_success_index - reference.critical_success_index
    left = 1 - reference.critical_success_index
    return gain / left if left else None


def _threshold(
    counts: ContingencyCounts,
    pooled: ContingencyCounts,
    vectors: Counts,
    method: str,
    threshold: float,
) -> StreamThreshold:
    """Lead by lead, and all leads of the network together."""
    role = ROLE_OF[method]
    return StreamThreshold(
        leads=[
            StreamLeadScores.model_validate(
                {
                    "lead_minutes": lead,
                    "forecasts": sum(vectors.get(f"{lead:g}|forecasts|{role}", ())),
                    **counts.table(method, threshold, k).scores(),
                }
            )
            for k, lead in enumerate(counts.lead_minutes)
        ],
        pooled=Scores.model_validate(pooled.table(method, threshold).scores()),
    )


def _reliability(vectors: Counts, leads: Sequence[float]) -> dict[str, list[ReliabilityClass]]:
    """All leads of the network together."""
    classes = {}
    for threshold in STREAM_THRESHOLDS_DBZ:
        if counts := reliability(vectors, threshold, leads):
            classes[f"{threshold:g}"] = [
                ReliabilityClass(
                    probability=middle,
                    pixels=pixels,
                    observed_frequency=exceeded / pixels if pixels else None,
                )
                for middle, (pixels, exceeded) in zip(CLASS_MIDDLES, counts, strict=True)
            ]
    return classes


def as_csv(view: StreamVerification) -> str:
    """One line for each method, threshold and lead."""
    buffer = io.StringIO()
    lines = csv.writer(buffer)
    names = ("hits", "misses", "false_alarms", "correct_negatives", "csi", "pod", "far", "bias")
    lines.writerow(("stream", "method", "threshold_dbz", "lead_minutes", "forecasts", *names))
    for method, thresholds in view.methods.items():
        for threshold, scores in thresholds.items():
            for lead in scores.leads:
                values = ["" if (v := getattr(lead, name)) is None else v for name in names]
                lines.writerow(
                    (view.stream, method, threshold, lead.lead_minutes, lead.forecasts, *values)
                )
    return buffer.getvalue()


def last_day(newest: datetime) -> TimeSpan:
    """The twenty-four hours up to the newest frame."""
    return TimeSpan(newest - timedelta(hours=23), newest)


__all__ = ["EXTRAPOLATION", "as_csv", "last_day", "leads_of", "paired_skill", "verification"]
