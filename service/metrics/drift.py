"""What Prometheus reads of drift: alerts, the charts behind them, and their samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from echocast.model.drift.detector import ALERTS, Drift
from echocast.model.drift.messages import charts, samples
from echocast.workers.engine.client import EngineClient
from echocast.workers.streams.drift import drift_state
from echocast.workers.streams.stream_store import StreamStore


class DriftCollector(Collector):
    """Reads the states of drift when Prometheus asks."""

    def __init__(self, streams: StreamStore, engine: EngineClient) -> None:
        self._streams = streams
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Gauges of all streams, and the limits that hold for all of them."""
        states = {name: drift_state(self._engine, name) for name in self._streams.names()}
        yield from _of_streams(states)
        yield from _limits()


def _of_streams(states: Mapping[str, Drift]) -> Iterator[Metric]:
    alerts, statistics, blocks = (
        GaugeMetricFamily(f"echocast_stream_drift_{name}", text, labels=("stream", *labels))
        for name, text, labels in (
            ("alert", "1 while the alert holds, 0 while it does not.", ("alert",)),
            ("statistic", "Statistic of a chart, in the units of its limit.", ("series", "chart")),
            ("samples", "Blocks of six hours that were evidence of a series.", ("series",)),
        )
    )
    for name, state in states.items():
        for alert in ALERTS:
            alerts.add_metric((name, alert), alert in state.alerts)
        for chart in charts(state):
            statistics.add_metric((name, chart.series, chart.chart), chart.statistic)
        for sample in samples(state):
            blocks.add_metric((name, sample.series), sample.blocks)
    yield from (alerts, statistics, blocks)


def _limits() -> Iterator[Metric]:
    limits = GaugeMetricFamily(
        "echocast_stream_drift_limit", "Where a chart alarms.", labels=("series", "chart")
    )
    floors = GaugeMetricFamily(
        "echocast_stream_drift_sample_floor",
        "Blocks of six hours below which a series says nothing.",
        labels=("series",),
    )
    for chart in charts(Drift()):
        limits.add_metric((chart.series, chart.chart), chart.limit)
    for sample in samples(Drift()):
        floors.add_metric((sample.series,), sample.floor)
    yield from (limits, floors)
