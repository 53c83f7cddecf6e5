"""What ``/metrics`` answers: metrics of the gateway, of streams, and of the worker beside it."""

from __future__ import annotations

import asyncio
import contextlib
import urllib.request

from redis.exceptions import RedisError

from service.dependencies import Resources
from workers.errors import EngineUnavailable

WORKER_PATIENCE_SECONDS = 2.0


async def scrape(resources: Resources) -> bytes:
    """All expositions, one after the other; a silent worker or engine is left out."""
    await _look_at_engine(resources)
    own = resources.metrics.exposition()
    with contextlib.suppress(RedisError, EngineUnavailable):
        own += await asyncio.to_thread(resources.streams.exposition)
    if not (port := resources.settings.worker_metrics_port):
        return own
    with contextlib.suppress(OSError):
        return own + await asyncio.to_thread(_worker_exposition, port)
    return own


async def _look_at_engine(resources: Resources) -> None:
    nowcasts, metrics = resources.nowcasts, resources.metrics
    metrics.engine.set(0)
    with contextlib.suppress(RedisError, EngineUnavailable):
        metrics.workers.set(len(await nowcasts.presence.look()))
        metrics.queued.set(await asyncio.to_thread(nowcasts.store.queue_depth))
        metrics.engine.set(1)


def _worker_exposition(port: int) -> bytes:
    url = f"http://127.0.0.1:{port}/metrics"
    with urllib.request.urlopen(url, timeout=WORKER_PATIENCE_SECONDS) as answer:
        body: bytes = answer.read()
    return body
