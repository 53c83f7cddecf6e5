"""Logging of the worker processes."""

from __future__ import annotations

import logging
import warnings

from celery.platforms import SecurityWarning

from echocast.workers.runtime.repeated_tracebacks import filter_tracebacks


def configure_logging() -> None:
    """Our own messages from INFO up, those of libraries from WARNING up, to standard error."""
    warnings.filterwarnings("ignore", category=SecurityWarning)  # about root and pickle; JSON only
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("echocast").setLevel(logging.INFO)
    filter_tracebacks()
