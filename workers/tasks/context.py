"""WorkerContext: what all tasks of a worker share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from echocast.workers.archive.archive import Archive
from echocast.workers.inference.batcher import Batcher
from echocast.workers.inference.model_cache import ModelCache
from echocast.workers.jobs.leases import JobLeases
from echocast.workers.jobs.room import Room
from echocast.workers.jobs.store import JobStore
from echocast.workers.metrics import WorkerMetrics
from echocast.workers.runtime.tracing import OFF, Tracing
from echocast.workers.streams.processing import StreamProcessing


@dataclass(frozen=True, eq=False)
class WorkerContext:
    """What all tasks of a worker share.

    Args:
        jobs: The job hashes.
        archive: The files.
        models: Those loaded.
        batcher: Runs the networks.
        leases: Claims of this worker.
        room: For the jobs at work.
        metrics: Counts what happens.
        institution: Who makes the forecasts; empty: not stated.
        streams: Input and output of the jobs of streams.
        tracing: Takes spans.
        choosing: Belongs to the thread that chooses the next job.
    """

    jobs: JobStore
    archive: Archive
    models: ModelCache
    batcher: Batcher
    leases: JobLeases
    room: Room
    metrics: WorkerMetrics
    institution: str
    streams: StreamProcessing
    tracing: Tracing = OFF
    choosing: threading.Lock = field(default_factory=threading.Lock)
