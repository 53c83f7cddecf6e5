"""Health and metrics."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from echocast.service.access import Reader
from echocast.service.http.openapi_problems import refusals
from echocast.service.http.schemas import Health, Readiness
from echocast.service.metrics.scrape import scrape
from echocast.service.nowcasts.readiness import check_ready
from echocast.service.resources import AppNowcasts, AppResources

router = APIRouter(tags=["system"])


@router.get("/healthz")
async def show_health() -> Health:
    """The process lives."""
    return Health()


@router.get("/readyz")
async def show_readiness(nowcasts: AppNowcasts) -> Readiness:
    """Engine, workers, model and disk space are there; otherwise 503 or 507 with the reason."""
    return await check_ready(nowcasts)


@router.get(
    "/metrics",
    dependencies=[Reader],
    response_class=PlainTextResponse,
    responses=refusals(401),
)
async def show_metrics(resources: AppResources) -> Response:
    """Metrics for Prometheus."""
    text = await scrape(resources.metrics, resources.exposition, resources.settings)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)
