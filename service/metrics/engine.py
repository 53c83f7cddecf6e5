"""EngineCollector: engine, queue, workers and disk, for Prometheus."""

from __future__ import annotations

import math
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from echocast.workers.archive.archive import Archive
from echocast.workers.errors import EngineUnavailable
from echocast.workers.jobs.queue_status import QueueStatus, queue_status
from echocast.workers.jobs.store import JobStore


class EngineCollector(Collector):
    """Asks at every scrape; of an engine that is away it says only that.

    Args:
        store: The jobs, and how long a worker's heartbeat is good for.
        archive: Whose disk is watched.
        free_space_floor_bytes: What must stay free.
    """

    def __init__(self, store: JobStore, archive: Archive, free_space_floor_bytes: int) -> None:
        self._store = store
        self._archive = archive
        self._floor = free_space_floor_bytes

    def collect(self) -> Iterator[Metric]:
        """The gauges."""
        yield _gauge(
            "disk_free_bytes",
            "Free on the archive's disk, or what its free inodes have room for.",
            self._free(),
        )
        yield _gauge("disk_size_bytes", "Of the archive's disk.", self._archive.files.disk_bytes())
        yield _gauge("disk_floor_bytes", "Must stay free; below, work is refused.", self._floor)
        try:
            status = queue_status(self._store.engine)
        except (EngineUnavailable, RedisError):
            status = None
        yield _gauge("engine_reachable", "1 where the engine answers.", float(status is not None))
        if status:
            yield from self._engine(status)
            yield from self._workers(status)

    def _free(self) -> float:
        return self._archive.files.free_bytes()

    def _engine(self, status: QueueStatus) -> Iterator[Metric]:
        yield _gauge("queue_jobs", "Jobs that wait.", status.waiting)
        yield _gauge(
            "queue_oldest_job_age_seconds",
            "Since the job at the head of the queue was submitted; 0: none waits.",
            status.oldest_seconds,
        )
        yield _gauge("engine_memory_used_bytes", "Of the engine.", status.memory_used_bytes)
        yield _gauge(
            "engine_memory_limit_bytes", "At which it refuses to write.", status.memory_limit_bytes
        )
        yield _gauge("engine_uptime_seconds", "Since the engine started.", status.uptime_seconds)
        yield _gauge(
            "engine_persistence_ok",
            "1 where every write goes to disk and the last one did.",
            float(status.writes_are_safe),
        )

    def _workers(self, status: QueueStatus) -> Iterator[Metric]:
        lease = self._store.policy.lease_seconds
        ages = sorted(lease - left for left in status.heartbeats_good_for) or [math.nan]
        alive = sum(left >= 0 for left in status.heartbeats_good_for)
        yield _gauge("workers_alive", "Workers with a heartbeat that is still good.", alive)
        family = GaugeMetricFamily(
            "echocast_worker_heartbeat_age_seconds",
            "Since the last heartbeat of the worker heard last, and of the one silent longest.",
            labels=("worker",),
        )
        family.add_metric(("newest",), ages[0])
        family.add_metric(("oldest",), ages[-1])
        yield family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"echocast_{name}", text, value)
