"""The stream task: a frame came, was replaced, or is not processed to its end."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from dataclasses import replace

from echocast.model.errors import EchocastError
from echocast.workers.errors import EngineUnavailable
from echocast.workers.jobs.origin import UNKNOWN, RequestOrigin
from echocast.workers.streams.processing import frame_of
from echocast.workers.tasks.context import WorkerContext

log = logging.getLogger("echocast.streams")


def _span(
    context: WorkerContext, frame: str, origin: RequestOrigin
) -> AbstractContextManager[None]:
    attributes = {"echocast.frame": frame, "echocast.request_id": origin.request_id}
    return context.tracing.span("frame", origin.traceparent, attributes)


def frame_arrived(context: WorkerContext, message: str, origin: RequestOrigin = UNKNOWN) -> None:
    """Process the frame that ``<stream>/<time>`` names; what fails is left to the next sweep."""
    name, time = frame_of(message)
    try:
        with context.room.enter(), _span(context, message, origin):
            here = replace(origin, traceparent=context.tracing.traceparent() or origin.traceparent)
            context.streams.process_frame(name, time, context.leases.incarnation, here)
    except EngineUnavailable:
        raise
    except EchocastError as error:
        log.error("The frame %s can't be processed: %s", message, error)
