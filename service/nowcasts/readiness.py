"""Whether the service can take nowcasts, and why not."""

from __future__ import annotations

import asyncio

from echocast.service.errors import NoWorker, Stopping
from echocast.service.http.schemas import Readiness, WorkerView
from echocast.service.nowcasts.nowcasts import Nowcasts
from echocast.workers.jobs.worker_info import WorkerInfo


async def check_ready(nowcasts: Nowcasts) -> Readiness:
    """The workers that can take nowcasts.

    Raises:
        Stopping: The service was asked to stop.
        EngineUnavailable: The engine does not answer.
        NoWorker: No worker is alive, or none has a model loaded.
        DiskFull: The archive's disk takes nothing more.
    """
    if nowcasts.waiting.stopping:
        raise Stopping("The service was asked to stop; it answers what it has begun.")
    await asyncio.to_thread(nowcasts.archive.files.check_space)
    workers = await nowcasts.presence.look()
    if not workers:
        raise nowcasts.presence.absence()
    if not any(worker.models for worker in workers):
        raise NoWorker("No worker has a model loaded yet.")
    queued = await asyncio.to_thread(nowcasts.store.queue_depth)
    return Readiness(workers=[_view(worker) for worker in workers], queued=queued)


def _view(worker: WorkerInfo) -> WorkerView:
    return WorkerView(device=worker.device, models=list(worker.models), started=worker.started)
