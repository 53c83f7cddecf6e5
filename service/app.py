"""The gateway as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline

from echocast import __version__
from echocast.model.registry.registry import Registry
from echocast.service.auth.keys import load_keys
from echocast.service.auth.rate_limit import RateLimit
from echocast.service.decoding.child_process import ChildLimits
from echocast.service.decoding.pool import Pool
from echocast.service.decoding.scratch import Scratch
from echocast.service.dependencies import Resources
from echocast.service.http import problems
from echocast.service.http.query_parameters import check_parameters
from echocast.service.metrics.engine import EngineCollector
from echocast.service.metrics.http import CountRequests, GatewayMetrics
from echocast.service.metrics.registry import RegistryCollector
from echocast.service.metrics.retraining import RetrainingCollector
from echocast.service.middleware.allowed_hosts import AllowedHosts
from echocast.service.middleware.body_limit import BodyLimit
from echocast.service.middleware.head import AnswerHead
from echocast.service.middleware.same_origin import SameOrigin
from echocast.service.models.catalogue import Catalogue
from echocast.service.nowcasts.forecast_files import ForecastFiles
from echocast.service.nowcasts.nowcasts import Nowcasts
from echocast.service.nowcasts.waiting import Waiting
from echocast.service.nowcasts.worker_presence import WorkerPresence
from echocast.service.routes import forecast, models, nowcast, streams, system, verification
from echocast.service.settings import ServiceSettings
from echocast.service.streams.build import assembled_streams
from echocast.workers.archive.archive import Archive
from echocast.workers.archive.store_identity import check_same_store
from echocast.workers.engine.url import client_url
from echocast.workers.inference.champion_watch import open_registry
from echocast.workers.jobs.job import WorkerInfo
from echocast.workers.jobs.store import DONE_CHANNEL, JobStore

DESCRIPTION = "Ten radar frames in, the next ten out, in dBZ, scored as the rain arrives."


def create_app(settings: ServiceSettings) -> FastAPI:
    """The gateway with these settings; it reaches for the engine only when it runs.

    Raises:
        StartRefused: The settings would open the service to everybody.
    """
    keys = load_keys(settings)
    metrics = GatewayMetrics()
    limits = ChildLimits(settings.decode_memory_bytes, settings.decode_timeout_seconds)
    store = JobStore(settings.engine_url, settings.job_policy)
    archive = Archive(settings.archive_root, free_space_floor_bytes=settings.free_space_floor_bytes)
    decoders, renderers = (
        Pool(role, size, limits, settings.decode_backlog, metrics.recycle_counter(role))
        for role, size in (
            ("decode", settings.decode_processes),
            ("render", settings.render_processes),
        )
    )
    metrics.registry.register(EngineCollector(store, archive, settings.free_space_floor_bytes))
    registry = Registry(settings.models_root)
    metrics.registry.register(RegistryCollector(registry.reader))
    metrics.registry.register(
        RetrainingCollector(registry.reader, store.engine, settings.retrain_interval_seconds)
    )
    waiting = Waiting(client_url(settings.engine_url), DONE_CHANNEL)
    here = partial(workers_here, store, archive)
    presence = WorkerPresence(here, settings.worker_tolerance_seconds)
    catalogue = Catalogue(registry)
    nowcasts = Nowcasts(store, archive, catalogue, decoders, waiting, presence, metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(open_registry, settings.models_root, "gateway")
        scratch = Scratch(archive.scratch)
        forecast_files = ForecastFiles(archive, renderers, scratch)
        of_streams = assembled_streams(settings, decoders, renderers, scratch)
        rate = RateLimit(settings.rate_per_minute)
        app.state.resources = Resources(
            settings, keys, rate, metrics, scratch, nowcasts, forecast_files, of_streams
        )
        async with AsyncExitStack() as stack:
            stack.callback(store.close)
            stack.callback(of_streams.close)
            stack.callback(scratch.close)
            for part in (decoders, renderers, waiting, presence):
                await stack.enter_async_context(part.running())
            await stack.enter_async_context(of_streams.remembering())
            yield

    app = FastAPIOffline(
        redoc_url=None,
        static_url="/docs/assets",
        swagger_ui_parameters={"validatorUrl": None},  # no host but ours is asked
        title="Echocast",
        description=DESCRIPTION,
        version=__version__,
        lifespan=lifespan,
        dependencies=[Depends(check_parameters)],
    )
    problems.install(app, settings.retry_after_seconds)
    for router in (
        nowcast.router,
        forecast.router,
        verification.router,
        streams.router,
        models.router,
        system.router,
    ):
        app.include_router(router)
    app.add_middleware(BodyLimit, limit_bytes=settings.body_limit_bytes)
    if not keys:
        app.add_middleware(SameOrigin)
        app.add_middleware(AllowedHosts, names=settings.host_names)
    app.add_middleware(CountRequests, metrics=metrics)
    app.add_middleware(AnswerHead)
    return app


def workers_here(store: JobStore, archive: Archive) -> list[WorkerInfo]:
    """The live workers, which have their files where we have ours.

    Raises:
        AnotherStore: They have them in another archive.
        EngineUnavailable: The engine does not answer.
    """
    check_same_store(store.engine, archive)
    return store.alive_workers()
