"""The stream task: a frame came, was replaced, or has work left undone."""

from __future__ import annotations

import logging

from echocast.model.errors import EchocastError
from echocast.workers.errors import EngineUnavailable
from echocast.workers.streams.processing import arrival
from echocast.workers.tasks.nowcast import Workshop

log = logging.getLogger("echocast.streams")


def frame_arrived(shop: Workshop, message: str) -> None:
    """See to the frame that ``<stream>/<time>`` names; what fails is left to the next sweep."""
    name, time = arrival(message)
    try:
        with shop.places.take(1):
            shop.streams.see_to(name, time, shop.held.incarnation)
    except EngineUnavailable:
        raise
    except EchocastError as error:
        log.error("The frame %s can't be seen to: %s", message, error)
