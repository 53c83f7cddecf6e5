"""The gateway as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline

from model.registry import Registry
from service import problems
from service.catalogue import Catalogue
from service.dependencies import Resources
from service.forecast_files import ForecastFiles
from service.head import AnswerHead
from service.intake.body_limit import BodyLimit
from service.intake.child_process import ChildLimits
from service.intake.decode import Pool
from service.intake.scratch import Scratch
from service.keys import load_keys
from service.known_hosts import KnownHosts
from service.metrics import CountRequests, GatewayMetrics
from service.model_metrics import RegistryCollector
from service.nowcasts import Nowcasts
from service.parameters import check_parameters
from service.rate import RateLimit
from service.retraining_metrics import RetrainingCollector
from service.routes import forecast, models, nowcast, streams, system, verification
from service.same_origin import SameOrigin
from service.settings import ServiceSettings
from service.streams.assembly import assembled_streams
from service.surroundings import Surroundings
from service.waiting import Waiting
from service.worker_presence import WorkerPresence
from workers.archive import Archive
from workers.engine_url import client_url
from workers.job import WorkerInfo
from workers.jobs import DONE_CHANNEL, JobStore
from workers.same_store import check_same_store
from workers.serving import open_registry
from workers.settings import WorkerSettings

DESCRIPTION = "Ten radar frames in, the next ten out, in dBZ, scored as the rain arrives."


def create_app(settings: ServiceSettings) -> FastAPI:
    """The gateway with these settings; it reaches for the engine only when it runs.

    Raises:
        StartRefused: The settings would open the service to everybody.
    """
    keys = load_keys(settings)
    metrics = GatewayMetrics()
    work = work_settings(settings)
    limits = ChildLimits(settings.decode_memory_bytes, settings.decode_timeout_seconds)
    store = JobStore.from_settings(work)
    archive = Archive(work.archive_root, free_space_floor_bytes=work.free_space_floor_bytes)
    decoders, renderers = (
        Pool(role, size, limits, settings.decode_backlog, metrics.recycle_counter(role))
        for role, size in (
            ("decode", settings.decode_processes),
            ("render", settings.render_processes),
        )
    )
    metrics.registry.register(Surroundings(store, archive, work.free_space_floor_bytes))
    registry = Registry(work.models_root)
    metrics.registry.register(RegistryCollector(registry))
    metrics.registry.register(
        RetrainingCollector(registry, store.engine, work.retrain_interval_seconds)
    )
    waiting = Waiting(client_url(work.engine_url), DONE_CHANNEL)
    here = partial(workers_here, store, archive)
    presence = WorkerPresence(here, settings.worker_tolerance_seconds)
    catalogue = Catalogue(registry)
    nowcasts = Nowcasts(store, archive, catalogue, decoders, waiting, presence, metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(open_registry, work.models_root, "gateway")
        scratch = Scratch(archive.scratch)
        forecast_files = ForecastFiles(archive, renderers, scratch)
        of_streams = assembled_streams(work, decoders, renderers, scratch)
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
        version=version("echocast"),
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
        app.add_middleware(KnownHosts, names=settings.host_names)
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


def work_settings(settings: ServiceSettings) -> WorkerSettings:
    """The settings that gateway and workers share, the rest from the environment."""
    return WorkerSettings(
        data_dir=settings.data_dir,
        redis_url=settings.redis_url,
        models_dir=settings.models_dir,
    )
