"""OtlpTracing: spans by OpenTelemetry's SDK, sent by OTLP over HTTP; the extra ``tracing``."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from echocast import __version__
from echocast.workers.runtime.tracing import Attributes, Tracing

NANOSECONDS = 10**9
W3C = TraceContextTextMapPropagator()


class OtlpTracing(Tracing):
    """Tracing that is on; the exporter reads the other variables of OpenTelemetry by itself.

    Args:
        role: Of the process; the service is ``echocast-<role>`` where no variable names it.
        environment: With the variables of OpenTelemetry.
    """

    on = True

    def __init__(self, role: str, environment: Mapping[str, str]) -> None:
        about = {SERVICE_VERSION: __version__}
        if not environment.get("OTEL_SERVICE_NAME"):
            about[SERVICE_NAME] = f"echocast-{role}"
        self._provider = TracerProvider(resource=Resource.create(about))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("echocast", __version__)

    @contextmanager
    def span(
        self, name: str, parent: str = "", attributes: Attributes | None = None
    ) -> Iterator[None]:
        """See :class:`Tracing`; an exception that leaves it is its failure."""
        context = W3C.extract({"traceparent": parent}, Context()) if parent else None
        known = dict(attributes or {})
        with self._tracer.start_as_current_span(name, context, attributes=known):
            yield

    def past(self, name: str, seconds: float) -> None:
        """See :class:`Tracing`."""
        end = time.time_ns()
        span = self._tracer.start_span(name, start_time=end - round(seconds * NANOSECONDS))
        span.end(end)

    def note(self, attributes: Attributes) -> None:
        """See :class:`Tracing`."""
        trace.get_current_span().set_attributes(dict(attributes))

    def failed(self, why: str) -> None:
        """See :class:`Tracing`."""
        trace.get_current_span().set_status(trace.StatusCode.ERROR, why)

    def traceparent(self) -> str:
        """See :class:`Tracing`."""
        carrier: dict[str, str] = {}
        W3C.inject(carrier)
        return carrier.get("traceparent", "")

    def close(self) -> None:
        """See :class:`Tracing`."""
        self._provider.shutdown()
