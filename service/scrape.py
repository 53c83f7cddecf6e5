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
    return await asyncio.to_thread(_scraped, resources)


def _scraped(resources: Resources) -> bytes:
    """In a thread of its own: engine, files and worker are asked, and others wait for none."""
    parts = [resources.metrics.exposition()]
    with contextlib.suppress(RedisError, EngineUnavailable):
        parts.append(resources.streams.exposition())
    if port := resources.settings.worker_metrics_port:
        with contextlib.suppress(OSError):
            parts.append(_worker_exposition(port))
    return b"".join(parts)


def _worker_exposition(port: int) -> bytes:
    url = f"http://127.0.0.1:{port}/metrics"
    with urllib.request.urlopen(url, timeout=WORKER_PATIENCE_SECONDS) as answer:
        body: bytes = answer.read()
    return body
