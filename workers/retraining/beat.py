"""``python -m echocast.workers.retraining.beat``: Celery beat, which asks for due retrainings.

Celery's own file of what it sent is a pickle, and a beat that restarts every few days would never
send what is due every week. So beat has no file: it reads the history of the models often, which
says when the last retraining was. Several beats ask no more often than one.
"""

from __future__ import annotations

import logging
import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from celery.beat import Scheduler, Service

from echocast.model.errors import EchocastError
from echocast.model.registry.reader import RegistryReader
from echocast.workers.archive.store_identity import await_engine
from echocast.workers.engine.client import EngineClient
from echocast.workers.jobs.queue import TRAINING, celery_app
from echocast.workers.retraining.requests import note_schedule, request_if_due
from echocast.workers.runtime.logging import configure_logging
from echocast.workers.runtime.privacy import keep_private
from echocast.workers.runtime.refusal import ending_by_a_sentence
from echocast.workers.settings import WorkerSettings

RETRAIN: Final = "retrain"  # of the history
CHECKS_PER_INTERVAL = 100
SHORTEST_SECONDS, LONGEST_SECONDS = 0.2, 300.0
log = logging.getLogger("echocast.beat")


class DueScheduler(Scheduler):  # type: ignore[misc]
    """A scheduler in memory whose one entry asks, instead of being sent."""

    def apply_async(self, *_: Any, **__: Any) -> None:
        """Ask for what is due."""
        self.app.ask_if_due()


def last_retraining(registry: RegistryReader) -> datetime | None:
    """When the last retraining came to a verdict; None before the first."""
    times = [entry.time for entry in registry.history() if entry.what == RETRAIN]
    return times[-1] if times else None


def run_beat(settings: WorkerSettings) -> None:
    """Ask for due retrainings until SIGTERM or SIGINT.

    Raises:
        EngineUnavailable: No engine answered within the time to wait for it.
        AnotherStore: The engine's jobs have their files in another archive.
    """
    await_engine(settings)
    interval = settings.retrain_interval_seconds
    engine = EngineClient(settings.engine_url, settings.engine_patience_seconds)
    registry = RegistryReader(settings.models_root)

    def ask_if_due() -> None:
        try:
            note_schedule(engine, interval)
            if request_if_due(engine, last_retraining(registry), interval, datetime.now(UTC)):
                log.info("A retraining is due and was asked for.")
        except EchocastError as error:
            log.error("Whether a retraining is due is asked again later: %s", error)

    app = celery_app(settings.engine_url)
    app.ask_if_due = ask_if_due
    every = min(max(interval / CHECKS_PER_INTERVAL, SHORTEST_SECONDS), LONGEST_SECONDS)
    app.conf.beat_schedule = {"retrain": {"task": TRAINING, "schedule": timedelta(seconds=every)}}
    service = Service(app, max_interval=every, scheduler_cls=DueScheduler)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: service.stop(wait=False))
    log.info("Beat asks for a retraining every %g days.", interval / 86400)
    service.start()
    engine.close()


def main() -> int:
    """Run beat; errors are one sentence on standard error."""
    with ending_by_a_sentence("echocast beat"):
        settings = WorkerSettings()
        configure_logging("beat", settings.log, settings.log_level)
        keep_private(settings.umask, settings.own_folders)
        run_beat(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
