"""One worker process: threads that run jobs, one that runs the network, some for upkeep."""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

from celery import Celery, Task
from prometheus_client import disable_created_metrics

from echocast.model.registry.registry import Registry
from echocast.workers.archive.archive import Archive
from echocast.workers.archive.damage import DAMAGE
from echocast.workers.archive.retention import remove_oldest
from echocast.workers.archive.scratch import remove_abandoned
from echocast.workers.archive.store_identity import await_engine
from echocast.workers.inference.batch import BatchLimits
from echocast.workers.inference.batcher import Batcher
from echocast.workers.inference.champion_watch import ChampionWatch, open_registry, startup_models
from echocast.workers.inference.launch import hang_guard
from echocast.workers.inference.model_cache import ModelCache
from echocast.workers.inference.protocol import ServedModel
from echocast.workers.jobs.heartbeat import Heartbeat
from echocast.workers.jobs.janitor import ELECTED_PERIODS, Janitor
from echocast.workers.jobs.leases import JobLeases
from echocast.workers.jobs.origin import RequestOrigin
from echocast.workers.jobs.queue import NOWCAST, SERVING, STREAM, VERIFY, celery_app
from echocast.workers.jobs.quiet_worker import QuietWorker
from echocast.workers.jobs.room import Room
from echocast.workers.jobs.shutdown import graceful_stop
from echocast.workers.jobs.store import JobStore
from echocast.workers.jobs.worker_info import WorkerInfo
from echocast.workers.metrics import WorkerMetrics
from echocast.workers.runtime.gpu_memory import DeviceMemory
from echocast.workers.runtime.memory import MallocTrimmer
from echocast.workers.runtime.periodic import Periodic, elected
from echocast.workers.runtime.tracing import tracing_of
from echocast.workers.settings import WorkerSettings
from echocast.workers.streams.processing import StreamProcessing
from echocast.workers.streams.shadow import Shadow, ShadowPolicy
from echocast.workers.tasks.context import WorkerContext
from echocast.workers.tasks.nowcast import nowcast
from echocast.workers.tasks.stream_frame import frame_arrived
from echocast.workers.tasks.verify import verify_late

LoadNowcaster = Callable[[WorkerSettings, str], ServedModel]
BESIDE = 4  # threads besides those that run jobs or wait for one: spare place, frames, scores
log = logging.getLogger("echocast.worker")


def run_worker(settings: WorkerSettings, load_nowcaster: LoadNowcaster) -> int:
    """Take jobs until SIGTERM or SIGINT, finish or give back what runs; return the exit code.

    Args:
        settings: How.
        load_nowcaster: Loads and tries ``name/version``.

    Raises:
        EngineUnavailable: No engine answered within the time to wait for it.
        AnotherStore: The engine's jobs have their files in another archive.
        CheckpointError: There is no champion to load.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]
    await_engine(settings)
    with running_context(settings, load_nowcaster) as context:
        return _take_jobs(settings, context)


@contextmanager
def running_context(
    settings: WorkerSettings, load_nowcaster: LoadNowcaster
) -> Iterator[WorkerContext]:
    """Everything a worker consists of but the threads that take jobs."""
    metrics = WorkerMetrics()
    metrics.registry.register(DeviceMemory(settings.device))
    metrics.registry.register(DAMAGE.counter)
    batcher = _batcher(settings, metrics)
    registry = open_registry(settings.models_root, "worker")
    context = WorkerContext(
        jobs=JobStore(
            settings.engine_url,
            settings.job_policy,
            patience_seconds=settings.engine_patience_seconds,
        ),
        archive=Archive(
            settings.archive_root, free_space_floor_bytes=settings.free_space_floor_bytes
        ),
        models=_model_cache(settings, load_nowcaster, registry, metrics),
        batcher=batcher,
        leases=JobLeases(f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"),
        room=Room(settings.worker_concurrency, settings.pixel_budget),
        metrics=metrics,
        institution=settings.institution,
        streams=StreamProcessing.from_settings(settings, settings.engine_patience_seconds),
        tracing=tracing_of("worker", os.environ),
    )
    remove_abandoned(context.archive.files.scratch_root)
    watch = ChampionWatch(registry, context.models, metrics)
    watch.update()
    threads: tuple[Batcher | Periodic, ...] = (
        batcher,
        _heartbeat(settings, context),
        _janitor(settings, context),
        Periodic("reading of the registry", watch.update, settings.models_watch_seconds),
        *_elected_upkeep(settings, context, registry),
    )
    if settings.worker_metrics_port:
        metrics.serve(settings.worker_metrics_port, settings.worker_metrics_host)
    for thread in threads:
        thread.start()
    try:
        yield context
    finally:
        for thread in threads[::-1]:
            thread.stop()
        context.jobs.close()
        context.streams.close()
        context.tracing.close()


def _model_cache(
    settings: WorkerSettings, load: LoadNowcaster, registry: Registry, metrics: WorkerMetrics
) -> ModelCache:
    """The champion, and the models that jobs ask for."""

    def load_and_count(reference: str) -> ServedModel:
        model = load(settings, reference)
        metrics.fast_paths_refused.inc(len(model.fast_paths_refused))
        return model

    def on_swap(outcome: str) -> None:
        metrics.swaps.labels(outcome).inc()

    return ModelCache(
        load_and_count, startup_models(registry), on_swap, settings.job_deadline_seconds
    )


def _batcher(settings: WorkerSettings, metrics: WorkerMetrics) -> Batcher:
    limits = BatchLimits(settings.batch_items, settings.launch_cost, settings.linger_seconds)
    return Batcher(limits, partial(hang_guard, settings.launch_timeout_seconds), metrics)


def _heartbeat(settings: WorkerSettings, context: WorkerContext) -> Heartbeat:
    started = datetime.now(UTC)

    def describe() -> WorkerInfo:
        return WorkerInfo(
            incarnation=context.leases.incarnation,
            host=socket.gethostname(),
            pid=os.getpid(),
            device=settings.device,
            models=context.models.names,
            started=started,
        )

    every, timeout = settings.lease_renewal_seconds, settings.job_timeout_seconds
    return Heartbeat(context.jobs, context.leases, describe, every, timeout)


def _janitor(settings: WorkerSettings, context: WorkerContext) -> Janitor:
    return Janitor(
        context.jobs,
        context.leases.incarnation,
        settings.janitor_seconds,
        settings.unclaimed_seconds,
        context.metrics.on_sweep,
    )


def _elected_upkeep(
    settings: WorkerSettings, context: WorkerContext, registry: Registry
) -> Iterator[Periodic]:
    """What one worker does for all; the sweeps of streams elect it for a short while."""
    term = ELECTED_PERIODS * settings.stream_sweep_seconds
    is_elected = partial(context.jobs.elect, context.leases.incarnation, term)
    shadow = Shadow(context.streams.stores, registry, ShadowPolicy.of(settings))
    retention = partial(remove_oldest, context.archive, settings.adhoc_limit_bytes)
    for name, act, seconds in (
        ("sweep", context.streams.sweep, settings.stream_sweep_seconds),
        ("comparison of live scores", shadow.decide, settings.shadow_look_seconds),
        ("removal of old nowcasts", retention, settings.adhoc_look_seconds),
        (
            "removal of streams' old files",
            context.streams.retention.apply,
            settings.stream_retention_seconds,
        ),
    ):
        yield elected(name, act, is_elected, seconds)


def _take_jobs(settings: WorkerSettings, context: WorkerContext) -> int:
    """Celery takes messages and hands them to threads until a signal says stop."""
    app = celery_app(settings.engine_url)
    _register(app, context)
    worker = QuietWorker(
        app=app,
        pool="threads",
        concurrency=2 * settings.worker_concurrency + BESIDE,
        queues=SERVING,
        hostname=context.leases.incarnation,
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    log.info("Worker %s takes jobs with %s.", context.leases.incarnation, context.models.names)
    with graceful_stop(context.jobs, context.leases, settings.stop_grace_seconds):
        worker.start()
    return int(worker.exitcode or 0)


def _register(app: Celery, context: WorkerContext) -> None:
    app.task(name=NOWCAST)(partial_task(nowcast, context))
    app.task(name=VERIFY)(partial_task(verify_late, context))
    app.task(name=STREAM, bind=True)(frame_task(context))


def frame_task(context: WorkerContext) -> Callable[[Task, str], None]:
    """The stream task as Celery wants it, with the request that sent the frame."""

    def task(message: Task, frame: str) -> None:
        origin = RequestOrigin.of_headers(message.request.headers)
        partial_task(partial(frame_arrived, origin=origin), context)(frame)

    return task


def partial_task(
    body: Callable[[WorkerContext, str], None], context: WorkerContext
) -> Callable[[str], None]:
    """A task body as Celery wants it: a plain function of the job id."""
    trimmer = MallocTrimmer()

    def task(job_id: str) -> None:
        body(context, job_id)
        if not context.leases.claims():
            trimmer.trim()

    return task
