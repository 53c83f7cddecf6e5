"""Logging of the processes that run Celery."""

from __future__ import annotations

import warnings

from celery.platforms import SecurityWarning

from echocast.workers.runtime.log_lines import log_to_stderr


def configure_logging(role: str, form: str = "text", level: str = "INFO") -> None:
    """Log to standard error, without Celery's warnings about root and pickle: we send JSON only.

    The arguments are those of :func:`log_to_stderr`.
    """
    warnings.filterwarnings("ignore", category=SecurityWarning)
    log_to_stderr(role, form, level)
