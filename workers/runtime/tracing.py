"""Traces: spans of a request, from the gateway through the queue to the written file.

The variables of OpenTelemetry say where spans go (OTLP over HTTP) and what is sampled. Where they
name no collector, tracing is off: nothing of OpenTelemetry is imported, and spans do nothing.
Source: W3C Trace Context, section 3.2 (traceparent).
"""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Final

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PACKAGES: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
TRACEPARENT: Final = re.compile(
    r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
log = logging.getLogger("echocast.tracing")
Attributes = Mapping[str, str | int | float]


class Tracing:
    """Tracing that is off: every method does nothing."""

    on = False

    def span(
        self,
        name: str,  # noqa: ARG002
        parent: str = "",  # noqa: ARG002
        attributes: Attributes | None = None,  # noqa: ARG002
    ) -> AbstractContextManager[None]:
        """A context that is a span.

        Args:
            name: Of the work.
            parent: The traceparent of the span that it belongs to; empty: the present one.
            attributes: What is known of it.
        """
        return nullcontext()

    def past(self, name: str, seconds: float) -> None:
        """A span of the present one that took so long and ended now."""

    def note(self, attributes: Attributes) -> None:
        """What is known of the present span meanwhile."""

    def failed(self, why: str) -> None:
        """The present span's work failed."""

    def traceparent(self) -> str:
        """The present span, as W3C Trace Context writes it; empty where there is none."""
        return ""

    def close(self) -> None:
        """Send what is not sent yet."""


OFF: Final = Tracing()


def tracing_of(role: str, environment: Mapping[str, str]) -> Tracing:
    """Tracing of a process, as its environment asks for; off where it names no collector.

    Args:
        role: Of the process, e.g. ``gateway``.
        environment: With the variables of OpenTelemetry.
    """
    named = any(environment.get(name) for name in ENDPOINTS)
    disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if not named or disabled or environment.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return OFF
    if not all(map(_is_installed, PACKAGES)):
        log.warning(
            "A collector of traces is named, but nothing can send any: install"
            " 'echocast[tracing]'. The process goes on without traces."
        )
        return OFF
    from echocast.workers.runtime.otlp_tracing import OtlpTracing

    return OtlpTracing(role, environment)


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # not even what it lies in
        return False


def usable_traceparent(sent: str) -> str:
    """The traceparent that a caller sent, where it is one; else empty."""
    return sent if TRACEPARENT.fullmatch(sent) else ""
