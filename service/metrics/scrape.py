"""What ``/metrics`` answers: metrics of the gateway, of streams, and of the workers beside it."""

from __future__ import annotations

import asyncio
import contextlib
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from redis.exceptions import RedisError

from echocast.service.metrics.exposition import StreamExposition, text_of
from echocast.service.metrics.http import GatewayMetrics
from echocast.service.settings import ServiceSettings
from echocast.workers.archive.damage import DAMAGE
from echocast.workers.errors import EngineUnavailable
from echocast.workers.metrics import build_info

WORKER_PATIENCE_SECONDS = 2.0


async def scrape(
    metrics: GatewayMetrics, streams: StreamExposition, settings: ServiceSettings
) -> bytes:
    """All expositions, one after the other; a silent worker or engine is left out."""
    return await asyncio.to_thread(_scraped, metrics, streams, settings)


def _scraped(
    metrics: GatewayMetrics, streams: StreamExposition, settings: ServiceSettings
) -> bytes:
    """In a thread: engine, files and workers may answer slowly."""
    parts = [metrics.exposition()]
    with contextlib.suppress(RedisError, EngineUnavailable):
        parts.append(streams())
    own = (DAMAGE.counter, build_info())  # of one family with those of the workers
    here = "gateway", [metric for one in own for metric in one.collect()]
    parts.append(joined([here, *metrics_of_workers(settings)]))
    return b"".join(parts)


def joined(workers: Iterable[tuple[str, Iterable[Metric]]]) -> bytes:
    """Metrics of several workers as one text: every sample gets a label that names its worker.

    Args:
        workers: The name of each worker and its metrics.
    """
    families: dict[str, Metric] = {}
    for worker, metrics in workers:
        for own in metrics:
            family = families.setdefault(own.name, Metric(own.name, own.documentation, own.type))
            for sample in own.samples:
                labels = {**sample.labels, "worker": worker}
                family.samples.append(sample._replace(labels=labels))
    return text_of(families.values())


def metrics_of_workers(settings: ServiceSettings) -> list[tuple[str, list[Metric]]]:
    """The name of each worker and its metrics; none where it, or another program there, fails.

    All are asked at once: many silent ones take no longer than one.
    """
    first, count = settings.worker_metrics_port, settings.workers
    if not first:
        return []
    with ThreadPoolExecutor(count) as asking:
        answers = asking.map(_metrics_at, range(first, first + count))
        return [(str(number), metrics) for number, metrics in enumerate(answers, start=1)]


def _metrics_at(port: int) -> list[Metric]:
    url = f"http://127.0.0.1:{port}/metrics"
    with (
        contextlib.suppress(OSError, ValueError, IndexError, HTTPException),
        urllib.request.urlopen(url, timeout=WORKER_PATIENCE_SECONDS) as answer,  # nosec B310
    ):
        return list(text_string_to_metric_families(answer.read().decode()))
    return []
