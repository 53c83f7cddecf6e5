"""What Prometheus reads of sources: when an image last became a frame, and what became of all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from echocast.service.fetching.source_state import RESULTS
from echocast.service.streams.source_states import SourceStates
from echocast.workers.streams.stream_store import StreamStore

NAN = float("nan")


class SourceCollector(Collector):
    """Reads what fetchers reported when Prometheus asks."""

    def __init__(self, streams: StreamStore, states: SourceStates) -> None:
        self._streams = streams
        self._states = states

    def collect(self) -> Iterator[Metric]:
        """Gauges and counters of all sources that are fetched."""
        success, age, silence = (
            GaugeMetricFamily(f"echocast_source_{name}", text, labels=("stream", *labels))
            for name, text, labels in (
                (
                    "last_success_timestamp_seconds",
                    "When an image last became a frame.",
                    ("source",),
                ),
                ("image_age_seconds", "Since the valid time of the newest image.", ("source",)),
                (
                    "silence_seconds",
                    "Since an image last became a frame, or the source was looked at first; of"
                    " streams that are not paused.",
                    ("source", "agency"),
                ),
            )
        )
        images = CounterMetricFamily(
            "echocast_source_images",
            "Images by what became of them.",
            labels=("stream", "source", "result"),
        )
        now = datetime.now(UTC)
        for name, state in self._states.of(self._streams.names()).items():
            labels = (name, state.source)
            last, newest = state.last_success, state.newest_image
            success.add_metric(labels, last.timestamp() if last else NAN)
            age.add_metric(labels, (now - newest).total_seconds() if newest else NAN)
            if not self._streams.stream(name).paused:
                silent = (now - (last or state.began)).total_seconds()
                silence.add_metric((*labels, state.title), silent)
            for result in RESULTS:
                images.add_metric((*labels, result), state.images.get(result, 0))
        yield from (success, age, silence, images)
