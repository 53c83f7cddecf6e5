"""The traceparent that a caller sent with a request (W3C Trace Context)."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

HEADER: Final = "traceparent"
current_traceparent: Final[ContextVar[str]] = ContextVar("traceparent", default="")
"""Of the request that is answered; empty where its caller traces nothing."""
