"""The id of a request: the caller's own or one of ours, in its answer and in the log."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from typing import Final

HEADER: Final = "x-request-id"
HARMLESS: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
current_id: Final[ContextVar[str]] = ContextVar("request_id", default="")
"""Of the request that is answered; empty outside of one."""


def usable_id(sent: str) -> str:
    """The id that a caller sent, where it is short and harmless; else a new one."""
    return sent if HARMLESS.fullmatch(sent) else uuid.uuid4().hex
