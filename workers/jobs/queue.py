"""The Celery app: JSON messages that name a job, nothing more.

The message only wakes a worker up, which claims the job whose turn it is (``lua/prelude.lua``); who
runs a job is decided by a claim on the job's hash. So messages are acknowledged early, may be lost
(the janitor publishes again) and may be duplicated (nothing waits for the second one). With
``acks_late`` the redelivery timeout is global per Redis database: long tasks ran twice and short
ones waited long after a crash. Nor does kombu keep messages that were taken and not begun in the
engine (two writes each, flushed to the disk): a worker that stops gives them back, and for one that
dies the janitor publishes again.
"""

from __future__ import annotations

import logging
from typing import Final

from celery import Celery
from kombu.entity import Queue

from echocast.workers.engine.url import broker_url, connection_options
from echocast.workers.jobs.broker import Broker
from echocast.workers.jobs.origin import UNKNOWN, RequestOrigin

NOWCAST: Final = "echocast.nowcast"
VERIFY: Final = "echocast.verify"
STREAM: Final = "echocast.stream"  # names a frame, not a job
TRAINING: Final = "echocast.training"  # for trainers; names nothing
SERVING: Final = (NOWCAST, VERIFY, STREAM)  # for workers
TASKS: Final = (*SERVING, TRAINING)
PUBLISH_RETRY: Final = {"max_retries": 3, "interval_start": 0.05, "interval_step": 0.2}

log = logging.getLogger("echocast.queue")


def celery_app(redis_url: str) -> Celery:
    """A Celery app on an engine; it has no tasks yet and connects to nothing.

    Args:
        redis_url: Address of the engine: redis://, rediss://, unix:// or redis+socket://.
    """
    app = Celery("echocast", broker=broker_url(redis_url), set_as_current=False, amqp=Broker)
    app.conf.update(
        task_queues=[Queue(name) for name in TASKS],  # type: ignore[no-untyped-call]
        task_routes={name: {"queue": name} for name in TASKS},
        task_default_queue=NOWCAST,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=False,
        task_create_missing_queues=False,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={**connection_options(redis_url), "ack_emulation": False},
    )
    return app


class Publisher:
    """Publishes job ids; safe to share among threads."""

    def __init__(self, redis_url: str) -> None:
        self._app = celery_app(redis_url)

    def publish(self, task: str, job_id: str, origin: RequestOrigin = UNKNOWN) -> bool:
        """Queue a message about a job; False where the engine is away (the janitor does it)."""
        try:
            self._app.send_task(
                task,
                (job_id,),
                task_id=job_id,
                retry=True,
                retry_policy=PUBLISH_RETRY,
                headers=origin.to_headers(),
            )
        except Exception as error:  # kombu raises many kinds where a connection breaks
            log.warning("Publishing job %s failed and is left to the janitor: %s", job_id, error)
            return False
        return True

    def close(self) -> None:
        """Close all connections."""
        self._app.close()
