"""Log lines of all processes: text for people or JSON for machines, without any secret."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any, Final

from echocast.workers.runtime.repeated_tracebacks import filter_tracebacks

HIDDEN: Final = "[hidden]"
API_KEY: Final = re.compile(r"echocast_[A-Za-z0-9_-]{20,}")
PASSWORD: Final = re.compile(r"(?<=://)[^/\s@]*:[^/\s@]*(?=@)")  # of an address


def log_to_stderr(role: str, form: str = "text", level: str = "INFO") -> None:
    """Our own messages from a level up, those of libraries from WARNING up, to standard error.

    Args:
        role: Which process this is, e.g. ``gateway``.
        form: ``text`` or ``json``, one object a line.
        level: ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(role) if form == "json" else TextLines(role))
    logging.basicConfig(level=max(logging.WARNING, logging.getLevelName(level)), handlers=[handler])
    logging.getLogger("echocast").setLevel(level)
    filter_tracebacks()


def without_secrets(text: str) -> str:
    """The text without API keys, and without the passwords in addresses."""
    return PASSWORD.sub(HIDDEN, API_KEY.sub(HIDDEN, text))


class TextLines(logging.Formatter):
    """``<time> <role> <level> <message>``."""

    def __init__(self, role: str) -> None:
        super().__init__(f"%(asctime)s {role} %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line, with a traceback below it where there is one."""
        return without_secrets(super().format(record))


class JsonLines(logging.Formatter):
    """One JSON object a line; ``facts`` of a record are members of it."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        """The line; a traceback is the member ``exception``."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "role": self._role,
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return without_secrets(json.dumps(line, default=str))
