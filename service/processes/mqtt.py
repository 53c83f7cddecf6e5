"""The process that publishes for Home Assistant: ``python -m echocast.service.processes.mqtt``."""

from __future__ import annotations

import asyncio

import httpx

from echocast.model.errors import EchocastError
from echocast.service.client.rain import with_service
from echocast.service.home_assistant.places import broker_of, home_places
from echocast.service.home_assistant.publisher import HomePublisher
from echocast.service.processes.listening import url_of
from echocast.service.settings import ServiceSettings
from echocast.workers.runtime.log_lines import log_to_stderr
from echocast.workers.runtime.privacy import keep_private
from echocast.workers.runtime.refusal import ending_by_a_sentence


async def publish(settings: ServiceSettings) -> None:
    """Publish until SIGINT or SIGTERM.

    Raises:
        StartRefused: The settings make no sense.
        KeyUnusable: The key of the service can't be read.
    """
    broker, places = broker_of(settings), home_places(settings)
    url = settings.mqtt_service_url or url_of(settings.host, settings.port)
    words: dict[str, str] = {"lang": settings.mqtt_language}
    words |= {"tz": settings.mqtt_time_zone} if settings.mqtt_time_zone else {}

    async def work(service: httpx.AsyncClient) -> None:
        prefix, seconds = settings.mqtt_discovery_prefix, settings.mqtt_seconds
        await HomePublisher(broker, places, service, prefix, seconds, words).run()

    await with_service(url, settings.mqtt_key_file, work)


def main() -> None:
    """Publish with the settings of the environment; a refusal is one sentence."""
    with ending_by_a_sentence("echocast", EchocastError):
        settings = ServiceSettings()
        log_to_stderr("mqtt", settings.log, settings.log_level)
        keep_private(settings.umask, settings.own_folders)
        asyncio.run(publish(settings))


if __name__ == "__main__":
    main()
