"""The gateway as an ASGI application."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline

from echocast import __version__
from echocast.model.registry.registry import Registry
from echocast.service.auth.audit import AuditLog
from echocast.service.auth.key_ring import KeyRing, load_keys
from echocast.service.auth.rate_limit import ConcurrencyLimit, RateLimit
from echocast.service.auth.refusal_pause import RefusalPause
from echocast.service.decoding.child_process import ChildLimits
from echocast.service.decoding.pool import Pool
from echocast.service.decoding.rendering_cache import RenderingCache
from echocast.service.fetching.source_state import SourceState
from echocast.service.http import problems
from echocast.service.http.json_body import describe
from echocast.service.http.openapi_problems import ANYWHERE, refusals
from echocast.service.http.query_parameters import check_parameters
from echocast.service.http.schemas import Problem
from echocast.service.imagery.stream_maps import StreamMaps
from echocast.service.imagery.warm_tiles import RepeatWarmTiles, WarmTiles
from echocast.service.metrics.engine import EngineCollector
from echocast.service.metrics.exposition import StreamExposition
from echocast.service.metrics.http import CountRequests, GatewayMetrics
from echocast.service.metrics.registry import RegistryCollector
from echocast.service.metrics.retraining import RetrainingCollector
from echocast.service.middleware.allowed_hosts import AllowedHosts
from echocast.service.middleware.body_limit import BodyLimit
from echocast.service.middleware.head import AnswerHead
from echocast.service.middleware.log_answers import LogAnswers
from echocast.service.middleware.request_id import RequestId
from echocast.service.middleware.same_origin import SameOrigin
from echocast.service.middleware.trace_requests import TraceRequests
from echocast.service.middleware.zip_answers import ZipAnswers
from echocast.service.models.catalogue import Catalogue
from echocast.service.models.schemas import PromotionRequest, RollbackRequest
from echocast.service.notification.addresses import allowed_hosts
from echocast.service.notification.schemas import RuleDeclaration
from echocast.service.nowcasts.forecast_files import ForecastFiles
from echocast.service.nowcasts.nowcasts import Nowcasts
from echocast.service.nowcasts.start_times import StartTimes
from echocast.service.nowcasts.waiting import Waiting
from echocast.service.nowcasts.worker_presence import WorkerPresence
from echocast.service.page import guide
from echocast.service.page import routes as page
from echocast.service.resources import Resources
from echocast.service.routes import (
    forecast,
    maps,
    models,
    nowcast,
    rain,
    rules,
    streams,
    system,
    towns,
    verification,
)
from echocast.service.routes.plain_tiles import PLAIN_TILES
from echocast.service.settings import ServiceSettings
from echocast.service.streams.declaration import StreamChange, StreamDeclaration
from echocast.service.streams.streams import Streams
from echocast.workers.archive.archive import Archive
from echocast.workers.archive.scratch import Scratch
from echocast.workers.archive.store_identity import check_same_store
from echocast.workers.engine.url import client_url
from echocast.workers.inference.champion_watch import open_registry
from echocast.workers.jobs.store import DONE_CHANNEL, JobStore
from echocast.workers.jobs.worker_info import WorkerInfo
from echocast.workers.runtime.tracing import Tracing, tracing_of

DESCRIPTION = "Ten radar frames in, the next ten out, in dBZ, scored as the rain arrives."


ROUTERS = (
    nowcast.router,
    forecast.router,
    verification.router,
    streams.router,
    rain.router,
    rules.router,
    maps.router,
    towns.router,
    models.router,
    system.router,
    page.router,
)

# What routes read or answer without FastAPI's help.
DESCRIBED = (
    PromotionRequest,
    RollbackRequest,
    StreamDeclaration,
    StreamChange,
    SourceState,
    RuleDeclaration,
    Problem,
)


def create_app(settings: ServiceSettings) -> FastAPI:
    """The gateway with these settings; it connects to the engine only when it runs.

    Raises:
        StartRefused: The settings would open the service to everybody, or make no sense.
    """
    keys, metrics = load_keys(settings), GatewayMetrics()
    allowed_hosts(settings.notify_hosts)  # refused now, not at the first request for a rule
    tracing = tracing_of("gateway", os.environ)
    nowcasts = build_nowcasts(settings, metrics, tracing)
    renderers = child_pool(
        "render", settings.render_processes, settings.renderer_bytes, settings, metrics
    )
    register_collectors(metrics, nowcasts, settings)
    app = FastAPIOffline(
        redoc_url=None,
        static_url="/docs/assets",
        swagger_ui_parameters={"validatorUrl": None},  # no host but ours is asked
        title="Echocast",
        description=DESCRIPTION,
        version=__version__,
        lifespan=partial(running, settings, keys, metrics, nowcasts, renderers, tracing),
        dependencies=[Depends(check_parameters)],
        responses=refusals(*ANYWHERE),
    )
    problems.install(app, settings.retry_after_seconds)
    app.router.routes.extend(PLAIN_TILES)
    for router in ROUTERS:
        app.include_router(router)
    app.mount(guide.ADDRESS, guide.GuideFiles())
    describe(app, *DESCRIBED)
    add_middleware(app, settings, metrics, tracing, open_to_all=not keys)
    return app


def build_nowcasts(
    settings: ServiceSettings, metrics: GatewayMetrics, tracing: Tracing
) -> Nowcasts:
    """What the routes of nowcasts call, with all that it needs."""
    store = JobStore(settings.engine_url, settings.job_policy)
    archive = Archive(settings.archive_root, free_space_floor_bytes=settings.free_space_floor_bytes)
    alive_workers = partial(workers_here, store, archive)
    return Nowcasts(
        store,
        archive,
        Catalogue(Registry(settings.models_root)),
        child_pool("decode", settings.decode_processes, settings.decoder_bytes, settings, metrics),
        Waiting(client_url(settings.engine_url), DONE_CHANNEL),
        WorkerPresence(alive_workers, StartTimes(store.engine), settings.worker_tolerance_seconds),
        metrics.decoded.observe,
        tracing,
    )


def child_pool(
    role: str, size: int, memory_bytes: int, settings: ServiceSettings, metrics: GatewayMetrics
) -> Pool:
    """Limited children of one role; they start when the app runs."""
    limits = ChildLimits(memory_bytes, settings.decode_timeout_seconds)
    return Pool(role, size, limits, settings.decode_backlog, metrics.recycle_counter(role))


def register_collectors(
    metrics: GatewayMetrics, nowcasts: Nowcasts, settings: ServiceSettings
) -> None:
    """Let a scrape ask engine, disk, registry and retrainings."""
    store, archive = nowcasts.store, nowcasts.archive
    reader = nowcasts.catalogue.registry.reader
    for collector in (
        EngineCollector(store, archive, settings.free_space_floor_bytes),
        RegistryCollector(reader),
        RetrainingCollector(reader, store.engine),
    ):
        metrics.registry.register(collector)


@asynccontextmanager
async def running(
    settings: ServiceSettings,
    keys: KeyRing,
    metrics: GatewayMetrics,
    nowcasts: Nowcasts,
    renderers: Pool,
    tracing: Tracing,
    app: FastAPI,
) -> AsyncIterator[None]:
    """The lifetime of an app: children, subscriptions and scratch files begin and end with it."""
    await asyncio.to_thread(open_registry, settings.models_root, "gateway")
    scratch = Scratch(nowcasts.archive.files.scratch_root, "gateway")
    limit = RateLimit(settings.renderings_per_minute, "renderings")
    renderings = RenderingCache(renderers, limit, scratch)
    of_streams = Streams.from_settings(settings, nowcasts.decoders, renderers, renderings, tracing)
    exposition = StreamExposition(
        of_streams.stores,
        of_streams.sums,
        of_streams.floors,
        nowcasts.catalogue.registry.reader,
        of_streams.sources,
        by_lead=settings.metrics_by_lead,
    )
    maps_of_streams = StreamMaps(of_streams.stores)
    app.state.resources = Resources(
        settings,
        keys,
        RateLimit(settings.rate_per_minute),
        ConcurrencyLimit(settings.uploads_at_a_time),
        RefusalPause(settings.refusals_per_minute),
        metrics,
        scratch,
        nowcasts,
        ForecastFiles(nowcasts.archive, of_streams.stores, renderings),
        of_streams,
        maps_of_streams,
        WarmTiles(),
        exposition,
        AuditLog(settings.audit_directory, settings.audit_limit_bytes),
    )
    async with AsyncExitStack() as stack:
        for own in (nowcasts.store, of_streams, scratch, tracing, maps_of_streams):
            stack.callback(own.close)
        for part in (nowcasts.decoders, renderers, nowcasts.waiting, nowcasts.presence):
            await stack.enter_async_context(part.running())
        await stack.enter_async_context(exposition.prepared())
        yield


def add_middleware(
    app: FastAPI,
    settings: ServiceSettings,
    metrics: GatewayMetrics,
    tracing: Tracing,
    *,
    open_to_all: bool,
) -> None:
    """What every request passes; what is added last is passed first."""
    app.add_middleware(ZipAnswers)
    app.add_middleware(BodyLimit, limit_bytes=settings.body_limit_bytes)
    app.add_middleware(RepeatWarmTiles)
    if open_to_all:
        app.add_middleware(SameOrigin)
        app.add_middleware(AllowedHosts, names=settings.host_names)
    if tracing.on:
        app.add_middleware(TraceRequests, tracing=tracing)
    app.add_middleware(RequestId, retry_after_seconds=settings.retry_after_seconds)
    app.add_middleware(LogAnswers, all_answers=settings.access_log)
    app.add_middleware(CountRequests, metrics=metrics)
    app.add_middleware(AnswerHead)


def workers_here(store: JobStore, archive: Archive) -> list[WorkerInfo]:
    """The live workers, which have their files where we have ours.

    Raises:
        AnotherStore: They have them in another archive.
        EngineUnavailable: The engine does not answer.
    """
    check_same_store(store.engine, archive)
    return store.alive_workers()
