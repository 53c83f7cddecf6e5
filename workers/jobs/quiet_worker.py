"""Celery's worker without words of its own that are plain text, or about another Celery."""

from __future__ import annotations

import warnings
from typing import Any

from celery.apps.worker import Worker, _shutdown_handler
from celery.exceptions import CPendingDeprecationWarning


class QuietWorker(Worker):  # type: ignore[misc]
    """A worker that stops at SIGTERM and SIGINT as Celery's does; who runs it logs so."""

    def setup_logging(self, colorize: Any = None) -> Any:
        """Celery's, without a page at each loss of the engine.

        It is about a later version and messages that are acknowledged late; ours are not.
        """
        logger = super().setup_logging(colorize)
        warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
        return logger

    def install_platform_tweaks(self, worker: Any) -> None:
        """Celery's signal handlers, of which those that stop it say nothing."""
        super().install_platform_tweaks(worker)
        for name in ("SIGTERM", "SIGINT"):
            _shutdown_handler(worker, sig=name, how="Warm", verbose=False)
