"""StreamExposition: metrics of all streams; a stream's text is made anew only when it changed.

Twenty streams are twenty thousand lines. Written anew at every scrape they cost a second, in which
the gateway's other requests wait; what changed since the last scrape is one stream or none.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from echocast.model.errors import ModelError
from echocast.model.registry.reader import RegistryReader
from echocast.model.verification.counts import CLASS_MIDDLES
from echocast.service.metrics.drift import DriftCollector
from echocast.service.metrics.sources import SourceCollector
from echocast.service.metrics.streams import families
from echocast.service.streams.sample_floors import SampleFloors
from echocast.service.streams.source_states import SourceStates
from echocast.workers.errors import EngineUnavailable
from echocast.workers.streams.count_sums import CountSums
from echocast.workers.streams.stores import StreamStores
from echocast.workers.streams.stream import Stream

log = logging.getLogger("echocast.streams")

NAN = float("nan")
FLOORS = {
    "pixels": "Events (hits, misses, false alarms) below which no score is shown.",
    "blocks": "Blocks of six hours with events below which no score is shown.",
    "storms": "Storms below which no score is shown.",
}
Text = tuple[bytes, bytes]  # the lines that describe a family, and its samples


@dataclass(frozen=True)
class StreamText:
    """The text of a stream's families, and what it was made from."""

    source: Any
    texts: Mapping[str, Text]


class StreamExposition:
    """Metrics of all streams in the text format; safe to share among threads.

    Args:
        stores: The files.
        sums: The engine's sums.
        floors: Below which dashboards show no score.
        registry: Knows how many lead times the champion forecasts.
        sources: What fetchers reported.
        by_lead: Whether each lead time has series of its own; else all together have.
    """

    def __init__(
        self,
        stores: StreamStores,
        sums: CountSums,
        floors: SampleFloors,
        registry: RegistryReader,
        sources: SourceStates,
        *,
        by_lead: bool = False,
    ) -> None:
        self._stores = stores
        self._sums = sums
        self._registry = registry
        self._by_lead = by_lead
        self._remembered: dict[str, StreamText] = {}
        self._lock = threading.Lock()
        self._fresh = CollectorRegistry()
        self._fresh.register(Clocks(stores))
        self._fresh.register(Constants(floors))
        self._fresh.register(DriftCollector(stores.streams, sums.engine))
        self._fresh.register(SourceCollector(stores.streams, sources))

    def __call__(self) -> bytes:
        """The text.

        Raises:
            EngineUnavailable: The engine, which holds the sums, does not answer.
        """
        with self._lock:
            names = self._stores.streams.names()
            leads = self._champions_leads() if names else 0
            self._remembered = {name: self._current(name, leads) for name in names}
            merged = _merged(remembered.texts for remembered in self._remembered.values())
            return merged + generate_latest(self._fresh)

    @asynccontextmanager
    async def prepared(self) -> AsyncIterator[None]:
        """Make the text once in the background: the first scrape need not."""
        task = asyncio.create_task(asyncio.to_thread(self._prepare))
        try:
            yield
        finally:
            await task

    def _prepare(self) -> None:
        try:
            self()
        except EngineUnavailable as error:
            log.warning("The exposition of streams was not made at the start: %s", error)

    def _champions_leads(self) -> int:
        """Lead times of the model that serves; 0 where none can be read."""
        try:
            return self._registry.network().output_frames
        except ModelError:
            return 0

    def _current(self, name: str, leads: int) -> StreamText:
        stream = self._stores.streams.stream(name)
        totals = self._sums.totals(name)
        newest = self._stores.frames.newest_time(name)
        source = (
            stream,
            leads,
            newest,
            totals,
            self._sums.corrections(name),
            self._sums.speed(name),
            self._stores.frames.aside.newest(name),
            self._stores.forecasts.compared(name),
        )
        known = self._remembered.get(name)
        if known and known.source == source:
            return known
        metrics = families(self._stores, self._sums, stream, totals, leads, by_lead=self._by_lead)
        texts = {metric.name: _text(metric) for metric in metrics}
        return StreamText(source, texts)


class Clocks(Collector):
    """What changes while nothing happens: how old the newest frame and forecast are."""

    def __init__(self, stores: StreamStores) -> None:
        self._stores = stores

    def collect(self) -> Iterator[Metric]:
        """Gauges of all streams."""
        silence, age, step = (
            GaugeMetricFamily(f"echocast_stream_{name}", text, labels=("stream",))
            for name, text in (
                ("silence_seconds", "Since the newest frame was received."),
                ("forecast_age_seconds", "Since the newest forecast was issued."),
                ("step_seconds", "Declared time between frames."),
            )
        )
        now = datetime.now(UTC)
        for name in self._stores.streams.names():
            stream = self._stores.streams.stream(name)
            silence.add_metric((name,), _seconds_since(self._received(stream), now))
            issued = self._stores.forecasts.latest(name)
            age.add_metric((name,), _seconds_since(issued.issued if issued else None, now))
            step.add_metric((name,), stream.step / timedelta(seconds=1))
        yield from (silence, age, step)

    def _received(self, stream: Stream) -> datetime | None:
        newest = self._stores.frames.newest_time(stream.name)
        header = self._stores.frames.header(stream.name, newest) if newest else None
        return header.received if header else None


class Constants(Collector):
    """What panels compare with, so that no dashboard has it written into it."""

    def __init__(self, floors: SampleFloors) -> None:
        self._floors = floors

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        for name, text in FLOORS.items():
            floor = getattr(self._floors, name)
            yield GaugeMetricFamily(f"echocast_stream_event_floor_{name}", text, floor)
        classes = GaugeMetricFamily(
            "echocast_stream_probability_class",
            "Middle of a class of forecast probability, as a number.",
            labels=("probability",),
        )
        for middle in CLASS_MIDDLES:
            classes.add_metric((f"{middle:g}",), middle)
        yield classes


def _seconds_since(time: datetime | None, now: datetime) -> float:
    return (now - time).total_seconds() if time else NAN


class Families(Collector):
    """Metrics that are made already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """The metrics."""
        return self._families


def text_of(families: Iterable[Metric]) -> bytes:
    """Metrics in the text format."""
    registry = CollectorRegistry()
    registry.register(Families(families))
    return generate_latest(registry)


def _text(family: Metric) -> Text:
    """The lines that describe a family, and the rest."""
    description = text_of([Metric(family.name, family.documentation, family.type, family.unit)])
    return description, text_of([family]).removeprefix(description)


def _merged(streams: Iterable[Mapping[str, Text]]) -> bytes:
    """Every family once, with the samples of all streams."""
    families: dict[str, list[bytes]] = {}
    for texts in streams:
        for name, (description, samples) in texts.items():
            families.setdefault(name, [description]).append(samples)
    return b"".join(part for parts in families.values() for part in parts)
