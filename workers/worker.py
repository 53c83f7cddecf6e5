"""One worker process: threads that take jobs, one that runs the network, two that look after it."""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

from celery import Celery
from prometheus_client import disable_created_metrics

from echocast.model.registry.registry import Registry
from echocast.workers.archive.archive import Archive
from echocast.workers.archive.retention import remove_oldest
from echocast.workers.archive.store_identity import await_engine
from echocast.workers.inference.batcher import Batcher, BatchLimits
from echocast.workers.inference.champion_watch import ServingWatch, candidates, open_registry
from echocast.workers.inference.launch import hang_guard
from echocast.workers.inference.model_cache import LoadedNetworks
from echocast.workers.inference.protocol import Network
from echocast.workers.jobs.heartbeat import Heartbeat
from echocast.workers.jobs.janitor import ELECTED_PERIODS, Janitor
from echocast.workers.jobs.job import WorkerInfo
from echocast.workers.jobs.leases import HeldJobs
from echocast.workers.jobs.queue import NOWCAST, SERVING, STREAM, VERIFY, celery_app
from echocast.workers.jobs.shutdown import leaving
from echocast.workers.jobs.store import JobStore
from echocast.workers.metrics import WorkerMetrics
from echocast.workers.runtime.gpu_memory import DeviceMemory
from echocast.workers.runtime.memory import Trimmer
from echocast.workers.runtime.periodic import Periodic
from echocast.workers.runtime.semaphore import Room
from echocast.workers.settings import WorkerSettings
from echocast.workers.streams.assembly import stream_processing
from echocast.workers.streams.shadow import Shadow, ShadowPolicy
from echocast.workers.streams.sweep import elected, sweeper
from echocast.workers.tasks.nowcast import Workshop, nowcast
from echocast.workers.tasks.stream_frame import frame_arrived
from echocast.workers.tasks.verify import verify_late

LoadNowcaster = Callable[[WorkerSettings, str], Network]
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
    with running_workshop(settings, load_nowcaster) as shop:
        return _take_jobs(settings, shop)


@contextmanager
def running_workshop(settings: WorkerSettings, load_nowcaster: LoadNowcaster) -> Iterator[Workshop]:
    """Everything a worker consists of but the threads that take jobs."""
    metrics = WorkerMetrics()
    metrics.registry.register(DeviceMemory(settings.device))
    batcher = _batcher(settings, metrics)
    registry = open_registry(settings.models_root, "worker")
    shop = Workshop(
        jobs=JobStore(
            settings.engine_url,
            settings.job_policy,
            patience_seconds=settings.engine_patience_seconds,
        ),
        archive=Archive(
            settings.archive_root, free_space_floor_bytes=settings.free_space_floor_bytes
        ),
        networks=_networks(settings, load_nowcaster, registry, metrics),
        batcher=batcher,
        held=HeldJobs(f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"),
        places=Room(settings.worker_concurrency),
        pixels=Room(settings.pixels_in_work),
        metrics=metrics,
        streams=stream_processing(settings, settings.engine_patience_seconds),
    )
    watch = ServingWatch(registry, shop.networks, metrics)
    watch.look()
    caretakers = (
        _heartbeat(settings, shop),
        _janitor(settings, shop),
        _sweeper(settings, shop),
        Periodic("look at the registry", watch.look, settings.models_watch_seconds),
        _shadow(settings, shop, registry),
        _tidier(settings, shop),
    )
    if settings.worker_metrics_port:
        metrics.serve(settings.worker_metrics_port, settings.worker_metrics_host)
    for part in (batcher, *caretakers):
        part.start()
    try:
        yield shop
    finally:
        for part in (*caretakers[::-1], batcher):
            part.stop()
        shop.jobs.close()
        shop.streams.close()


def _networks(
    settings: WorkerSettings, load: LoadNowcaster, registry: Registry, metrics: WorkerMetrics
) -> LoadedNetworks:
    """The champion, and whatever jobs will ask for."""

    def load_noting(reference: str) -> Network:
        network = load(settings, reference)
        metrics.fast_paths_refused.inc(len(network.fast_paths_refused))
        return network

    def on_swap(outcome: str) -> None:
        metrics.swaps.labels(outcome).inc()

    return LoadedNetworks(load_noting, candidates(registry), on_swap, settings.job_deadline_seconds)


def _batcher(settings: WorkerSettings, metrics: WorkerMetrics) -> Batcher:
    limits = BatchLimits(settings.batch_items, settings.batch_cost, settings.linger_seconds)
    return Batcher(limits, partial(hang_guard, settings.launch_timeout_seconds), metrics)


def _heartbeat(settings: WorkerSettings, shop: Workshop) -> Heartbeat:
    started = datetime.now(UTC)

    def describe() -> WorkerInfo:
        return WorkerInfo(
            incarnation=shop.held.incarnation,
            host=socket.gethostname(),
            pid=os.getpid(),
            device=settings.device,
            models=shop.networks.names,
            started=started,
        )

    every, timeout = settings.lease_renewal_seconds, settings.job_timeout_seconds
    return Heartbeat(shop.jobs, shop.held, describe, every, timeout)


def _janitor(settings: WorkerSettings, shop: Workshop) -> Janitor:
    return Janitor(
        shop.jobs,
        shop.held.incarnation,
        settings.janitor_seconds,
        settings.unclaimed_seconds,
        shop.metrics.on_sweep,
    )


def _sweeper(settings: WorkerSettings, shop: Workshop) -> Periodic:
    elect = partial(shop.jobs.elect, shop.held.incarnation)
    return sweeper(shop.streams, elect, settings.stream_sweep_seconds)


def _shadow(settings: WorkerSettings, shop: Workshop, registry: Registry) -> Periodic:
    """Live scores are looked at seldom, by whom the sweeps elect for a short while."""
    shadow = Shadow(shop.streams.stores, registry, ShadowPolicy.of(settings))
    term = ELECTED_PERIODS * settings.stream_sweep_seconds
    is_elected = partial(shop.jobs.elect, shop.held.incarnation, term)
    return elected("look at live scores", shadow.look, is_elected, settings.shadow_look_seconds)


def _tidier(settings: WorkerSettings, shop: Workshop) -> Periodic:
    """Nowcasts of no stream are kept within bounds by whom the sweeps elect for a short while."""
    tidy = partial(remove_oldest, shop.archive, settings.adhoc_limit_bytes)
    term = ELECTED_PERIODS * settings.stream_sweep_seconds
    is_elected = partial(shop.jobs.elect, shop.held.incarnation, term)
    return elected("removal of old nowcasts", tidy, is_elected, settings.adhoc_look_seconds)


def _take_jobs(settings: WorkerSettings, shop: Workshop) -> int:
    """Celery takes messages and hands them to threads until a signal says stop."""
    app = celery_app(settings.engine_url)
    _register(app, shop)
    worker = app.Worker(
        pool="threads",
        concurrency=settings.worker_concurrency,
        queues=SERVING,
        hostname=shop.held.incarnation,
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    log.info("Worker %s takes jobs with %s.", shop.held.incarnation, shop.networks.names)
    with leaving(shop.jobs, shop.held, settings.stop_grace_seconds):
        worker.start()
    return int(worker.exitcode or 0)


def _register(app: Celery, shop: Workshop) -> None:
    app.task(name=NOWCAST)(partial_task(nowcast, shop))
    app.task(name=VERIFY)(partial_task(verify_late, shop))
    app.task(name=STREAM)(partial_task(frame_arrived, shop))


def partial_task(body: Callable[[Workshop, str], None], shop: Workshop) -> Callable[[str], None]:
    """A task body as Celery wants it: a plain function of the job id."""
    trimmer = Trimmer()

    def task(job_id: str) -> None:
        body(shop, job_id)
        if not shop.held.claims():
            trimmer.trim()

    return task
