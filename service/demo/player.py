"""The process that plays a storm as a live stream: ``python -m echocast.service.demo.player``.

The last images come first, the newest last, so that a forecast is there at once; then one with
every step of the clock, as a radar sends them.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import httpx

from echocast.model.errors import EchocastError
from echocast.service.client.feed import Feeder
from echocast.service.client.secret import client_secret, key_header
from echocast.service.demo.endless_storm import STEP, image_at, slots
from echocast.service.processes.listening import url_of
from echocast.service.settings import ServiceSettings
from echocast.workers.runtime.log_lines import log_to_stderr
from echocast.workers.runtime.refusal import ending_by_a_sentence

STREAM: Final = "demo"
BACK: Final = 14  # images that are sent first
SOURCE: Final = {
    "title": "A storm drawn by Echocast, no radar",
    "licence": "CC0-1.0",
    "licence_url": "https://creativecommons.org/publicdomain/zero/1.0/",
    "attribution": "A storm drawn by Echocast, no weather",
}
LOOK_SECONDS: Final = 1.0


def play(
    feeder: Feeder,
    stop: threading.Event,
    now: Callable[[], datetime],
    look_seconds: float = LOOK_SECONDS,
) -> None:
    """Send images until ``stop`` is set.

    Args:
        feeder: Of the stream.
        stop: Ends it.
        now: The time, UTC.
        look_seconds: Between two looks at it.

    Raises:
        FrameRefused: The service does not take an image.
        ServiceAway: It does not answer.
    """
    feeder.declare(STEP.total_seconds() / 60, source=SOURCE)
    newest = datetime.min.replace(tzinfo=UTC)
    while not stop.is_set():
        for time in slots(now(), BACK):
            if time > newest and not stop.is_set():
                feeder.send(image_at(time))
                newest = time
        stop.wait(look_seconds)


def main() -> None:
    """Play into the service of this machine, with the settings of the environment."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    settings = ServiceSettings()
    log_to_stderr("demo", settings.log, settings.log_level)
    headers = key_header(client_secret(None, os.environ))
    url = url_of(settings.host, settings.port)
    with (
        ending_by_a_sentence("echocast", EchocastError),
        httpx.Client(base_url=url, headers=headers, timeout=120, trust_env=False) as client,
    ):
        play(Feeder(client, STREAM), stop, lambda: datetime.now(UTC))


if __name__ == "__main__":
    main()
