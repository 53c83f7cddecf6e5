"""Metrics of the gateway for Prometheus; routes are labelled by template, never by id."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from starlette.types import ASGIApp, Receive, Scope, Send

from echocast import __version__
from echocast.service.http.answer_timer import AnswerTimer

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
METHODS = ("GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH")


class GatewayMetrics:
    """The metrics of one gateway, in a registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(namespace="echocast_gateway", registry=self.registry)
        self.requests = Counter(
            "echocast_http_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "echocast_http_request_seconds",
            "Time to answer a request, waiting included.",
            ("method", "route"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.decoded = Histogram(
            "echocast_decode_seconds",
            "Time to decode an upload, waiting for a child included.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.recycled = Counter(
            "echocast_decode_children_recycled",
            "Decoding and rendering children replaced.",
            ("role", "reason"),
            registry=self.registry,
        )
        since = Gauge(
            "echocast_software_since_timestamp_seconds",
            "When this gateway started, with the version of its software.",
            ("version",),
            registry=self.registry,
        )
        since.labels(__version__).set_to_current_time()

    def recycle_counter(self, role: str) -> Callable[[str], None]:
        """Counts replaced children of a role by reason."""
        return lambda reason: self.recycled.labels(role, reason).inc()

    def exposition(self) -> bytes:
        """All metrics in the text format."""
        return generate_latest(self.registry)


class CountRequests:
    """ASGI middleware that counts and times every request."""

    def __init__(self, app: ASGIApp, metrics: GatewayMetrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note how it was answered."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = AnswerTimer()
        try:
            await self.app(scope, receive, answer.noting(send))
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = getattr(scope.get("route"), "path", "unmatched")
            self.metrics.requests.labels(method, route, str(answer.status)).inc()
            self.metrics.seconds.labels(method, route).observe(answer.seconds)
