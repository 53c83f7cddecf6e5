"""What Prometheus reads of streams: totals that only grow, and gauges of input and skill.

Every label is there from the beginning, at 0, so that rates are right from the first forecast on.
Counts come from the engine's totals: a worker that restarts does not reset them. CSI over any
window is a quotient of sums of ``rate(...)``; weather moves it, so alerts look at paired skill.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from model.contingency import ContingencyTable
from model.judging.observing import HISTOGRAM, PIXELS, percentile_dbz, stability_index
from model.judging.tallies import (
    CANARY,
    DECODED,
    FALLBACK,
    METHODS,
    MODEL,
    THRESHOLDS_DBZ,
    Counts,
    table,
)
from service.streams.scores import last_day, leads_of, paired_skill
from workers.streams.declaration import Stream
from workers.streams.layout import Span
from workers.streams.library import Library
from workers.streams.sums import Sums

LEADS = 10
OUTCOMES = ("hits", "misses", "false_alarms", "correct_negatives")
REFERENCE = timedelta(days=30)  # what today's intensities are compared with
NAN = math.nan


class StreamCollector(Collector):
    """Reads files and engine when Prometheus asks.

    Args:
        library: The files.
        sums: The engine's sums.
    """

    def __init__(self, library: Library, sums: Sums) -> None:
        self._library = library
        self._sums = sums

    def describe(self) -> list[Metric]:
        """Nothing in advance: registering shall not ask the engine."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics of all streams."""
        streams = [self._library.register.stream(n) for n in self._library.register.names()]
        totals = {stream.name: self._sums.totals(stream.name) for stream in streams}
        yield self._pixels(streams, totals)
        yield self._forecasts(streams, totals)
        yield self._corrections(streams)
        yield from self._inputs(streams)
        yield from self._skill(streams)

    def _pixels(self, streams: Sequence[Stream], totals: dict[str, dict[str, list[int]]]) -> Metric:
        family = CounterMetricFamily(
            "echocast_stream_verification_pixels",
            "Verified pixels by contingency class.",
            labels=("stream", "method", "threshold_dbz", "lead_minutes", "outcome"),
        )
        for stream in streams:
            for method in METHODS:
                for threshold in THRESHOLDS_DBZ:
                    for lead in _leads(stream, totals[stream.name]):
                        counts = table(totals[stream.name], lead, method, threshold)
                        labels = (stream.name, method, f"{threshold:g}", f"{lead:g}")
                        for outcome in OUTCOMES:
                            family.add_metric((*labels, outcome), getattr(counts, outcome))
        return family

    def _forecasts(
        self, streams: Sequence[Stream], totals: dict[str, dict[str, list[int]]]
    ) -> Metric:
        family = CounterMetricFamily(
            "echocast_stream_verified_forecasts",
            "Forecasts that were compared with a frame, by the lead time compared.",
            labels=("stream", "role", "lead_minutes"),
        )
        for stream in streams:
            vectors = totals[stream.name]
            for role in (MODEL, CANARY, FALLBACK):
                for lead in _leads(stream, vectors):
                    count = sum(vectors.get(f"{lead:g}|forecasts|{role}", ()))
                    family.add_metric((stream.name, role, f"{lead:g}"), count)
        return family

    def _corrections(self, streams: Sequence[Stream]) -> Metric:
        family = CounterMetricFamily(
            "echocast_stream_corrections",
            "Counts that were replaced because a frame was.",
            labels=("stream",),
        )
        for stream in streams:
            family.add_metric((stream.name,), self._sums.corrections(stream.name))
        return family

    def _inputs(self, streams: Sequence[Stream]) -> Iterator[Metric]:
        """Gauges of input health over the last day of stream time."""
        known = {stream.name: _health(self._library, self._sums, stream) for stream in streams}
        for name, text in GAUGES.items():
            family = GaugeMetricFamily(f"echocast_stream_{name}", text, labels=("stream",))
            for stream in streams:
                value = known[stream.name].get(name)
                family.add_metric((stream.name,), NAN if value is None else value)
            yield family

    def _skill(self, streams: Sequence[Stream]) -> Iterator[Metric]:
        """Paired skill and frequency bias over the last day, all leads together."""
        labels = ("stream", "threshold_dbz")
        skill = GaugeMetricFamily(
            "echocast_stream_paired_skill",
            "(CSI_model - CSI_ref) / (1 - CSI_ref) against decoded extrapolation over a day.",
            labels=labels,
        )
        bias = GaugeMetricFamily(
            "echocast_stream_frequency_bias", "Events forecast per event observed.", labels=labels
        )
        for stream in streams:
            newest = self._library.frames.newest_time(stream.name)
            vectors = self._sums.over(stream.name, last_day(newest)) if newest else {}
            for threshold in THRESHOLDS_DBZ:
                model, reference = (
                    _pooled(vectors, method, threshold) for method in (MODEL, DECODED)
                )
                value = paired_skill(model, reference)
                skill.add_metric((stream.name, f"{threshold:g}"), NAN if value is None else value)
                bias.add_metric((stream.name, f"{threshold:g}"), model.frequency_bias)
        yield skill
        yield bias


GAUGES = {
    "missing_share": "Share of pixels that the radar did not look at, over a day.",
    "absent_frames": "Frames of a day's rhythm that did not come.",
    "delay_seconds": "Newest frame: from valid to received.",
    "silence_seconds": "Since the newest frame was received.",
    "dbz_stability_index": "Population stability index of a day's reflectivity against 30 days.",
    "dbz_percentile_95": "Reflectivity in dBZ that 95 % of a day's pixels with echo do not reach.",
    "mean_speed_metres_per_second": "Mean speed of the rain between the two newest frames.",
}


def _health(library: Library, sums: Sums, stream: Stream) -> dict[str, float | None]:
    newest = library.frames.newest_time(stream.name)
    if newest is None:
        return {}
    day = last_day(newest)
    headers = library.frames.headers(stream.name, day)
    first = max(day.first, library.frames.oldest_time(stream.name) or day.first)
    expected = (newest - first) // stream.step + 1
    pixels = sums.vector_over(stream.name, day, f"0|{PIXELS}")
    today = sums.vector_over(stream.name, day, f"0|{HISTOGRAM}")
    before = Span(day.first - REFERENCE, day.first - timedelta(hours=1))
    reference = sums.vector_over(stream.name, before, f"0|{HISTOGRAM}")
    received = headers[-1].received
    return {
        "missing_share": pixels[1] / pixels[0] if pixels else None,
        "absent_frames": expected - sum(header.time >= first for header in headers),
        "delay_seconds": (received - newest).total_seconds(),
        "silence_seconds": (datetime.now(UTC) - received).total_seconds(),
        "dbz_stability_index": stability_index(today, reference),
        "dbz_percentile_95": percentile_dbz(today) if today else None,
        "mean_speed_metres_per_second": sums.speed(stream.name),
    }


def _leads(stream: Stream, vectors: Counts) -> list[float]:
    usual = [stream.step_minutes * (lead + 1) for lead in range(LEADS)]
    return sorted({*usual, *leads_of(vectors)})


def _pooled(vectors: Counts, method: str, threshold: float) -> ContingencyTable:
    tables = (table(vectors, lead, method, threshold) for lead in leads_of(vectors))
    return sum(tables, ContingencyTable())


def exposition(library: Library, sums: Sums) -> bytes:
    """All metrics of streams in the text format.

    Raises:
        EngineUnavailable: The engine, which holds the sums, does not answer.
    """
    registry = CollectorRegistry()
    registry.register(StreamCollector(library, sums))
    return generate_latest(registry)
