"""What ``/metrics`` answers: metrics of the gateway, of streams, and of the workers beside it."""

from __future__ import annotations

import asyncio
import contextlib
import urllib.request
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from service.dependencies import Resources
from service.settings import ServiceSettings
from workers.errors import EngineUnavailable

WORKER_PATIENCE_SECONDS = 2.0


async def scrape(resources: Resources) -> bytes:
    """All expositions, one after the other; a silent worker or engine is left out."""
    return await asyncio.to_thread(_scraped, resources)


def _scraped(resources: Resources) -> bytes:
    """In a thread of its own: engine, files and workers are asked, and others wait for none."""
    parts = [resources.metrics.exposition()]
    with contextlib.suppress(RedisError, EngineUnavailable):
        parts.append(resources.streams.exposition())
    parts.append(joined(_worker_expositions(resources.settings)))
    return b"".join(parts)


def joined(expositions: Iterable[tuple[str, str]]) -> bytes:
    """Metrics of several workers as one text: every sample gets a label that names its worker.

    Args:
        expositions: The name of a worker and what it tells, for each.
    """
    families: dict[str, Metric] = {}
    for worker, text in expositions:
        for told in text_string_to_metric_families(text):
            family = families.setdefault(
                told.name, Metric(told.name, told.documentation, told.type)
            )
            for sample in told.samples:
                labels = {**sample.labels, "worker": worker}
                family.samples.append(sample._replace(labels=labels))
    registry = CollectorRegistry()
    registry.register(_Told(families.values()))
    return generate_latest(registry)


class _Told(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _worker_expositions(settings: ServiceSettings) -> Iterator[tuple[str, str]]:
    first = settings.worker_metrics_port
    for number in range(settings.workers if first else 0):
        with contextlib.suppress(OSError):
            yield str(number + 1), _worker_exposition(first + number)


def _worker_exposition(port: int) -> str:
    url = f"http://127.0.0.1:{port}/metrics"
    with urllib.request.urlopen(url, timeout=WORKER_PATIENCE_SECONDS) as answer:
        body: bytes = answer.read()
    return body.decode()
