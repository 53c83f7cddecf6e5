"""HomePublisher: asks the service for the rain at places, and publishes it."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import httpx
from aiomqtt import Client, MqttError, Will

from echocast.service.client.rain import rain_of
from echocast.service.home_assistant.messages import (
    BRIDGE_TOPIC,
    OFFLINE,
    ONLINE,
    availability_topic,
    discovery,
    discovery_topic,
    state,
    state_topic,
)
from echocast.service.home_assistant.places import HomePlace, MqttBroker

log = logging.getLogger("echocast.mqtt")
PAUSE_SECONDS: Final = 1.0  # before a broker that went away is asked again; doubles
LONGEST_PAUSE_SECONDS: Final = 30.0
LEAST_EXPIRY_SECONDS: Final = 120
MISSED: Final = 4  # states in a row, after which what was known counts no more


@dataclass(frozen=True)
class HomePublisher:
    """Publishes the rain at places until it is cancelled.

    Args:
        broker: Where to.
        places: Of which places.
        service: Client of the service, with its base URL and key.
        prefix: Where Home Assistant looks for devices.
        every_seconds: How often the service is asked.
        words: Language and time zone of the sentence, as parameters of ``/rain``.
    """

    broker: MqttBroker
    places: Sequence[HomePlace]
    service: httpx.AsyncClient
    prefix: str
    every_seconds: float
    words: dict[str, str]

    async def run(self) -> None:
        """Publish; where the broker goes away, wait and connect again."""
        pause = PAUSE_SECONDS
        while True:
            try:
                async with self._client() as client:
                    log.info("Publishing %d places to %s.", len(self.places), self.broker)
                    pause = PAUSE_SECONDS
                    await self._publish_until_cancelled(client)
            except MqttError as error:
                log.warning("%s does not take messages: %s", self.broker, error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _publish_until_cancelled(self, client: Client) -> None:
        """Publish; the broker publishes the last will only of those who end without a goodbye."""
        try:
            await self._publish(client)
        except asyncio.CancelledError:
            with suppress(MqttError):
                await client.publish(BRIDGE_TOPIC, OFFLINE, qos=1, retain=True)
            raise

    def _client(self) -> Client:
        """A connection at whose end the broker says that nothing is known any more."""
        broker = self.broker
        return Client(
            broker.host,
            broker.port,
            username=broker.user,
            password=broker.password,
            tls_context=ssl.create_default_context() if broker.tls else None,
            will=Will(BRIDGE_TOPIC, OFFLINE, qos=1, retain=True),
            keepalive=20,
        )

    async def _publish(self, client: Client) -> None:
        expiry = max(LEAST_EXPIRY_SECONDS, round(MISSED * self.every_seconds))
        for place in self.places:
            device = json.dumps(discovery(place, expiry))
            await _send(client, discovery_topic(self.prefix, place), device)
        await _send(client, BRIDGE_TOPIC, ONLINE)
        while True:
            for place in self.places:
                await self._publish_place(client, place)
            await asyncio.sleep(self.every_seconds)

    async def _publish_place(self, client: Client, place: HomePlace) -> None:
        """The state, then that it is one; where images are late or nobody answers, that none is."""
        rain = await self._rain(place)
        known = rain is not None and not rain["stale"]
        if rain is not None and known:
            await _send(client, state_topic(place), json.dumps(state(rain)), retain=False)
        await _send(client, availability_topic(place), ONLINE if known else OFFLINE)

    async def _rain(self, place: HomePlace) -> dict[str, Any] | None:
        """What the service answers; None where it does not, or has no forecast."""
        params = {"lat": place.latitude, "lon": place.longitude, **self.words}
        return await rain_of(place.name, self.service, place.stream, params, log)


async def _send(client: Client, topic: str, text: str, *, retain: bool = True) -> None:
    """Publish a message, once at least; ends with the task that was cancelled meanwhile.

    ``asyncio.wait_for`` of Python 3.11, by which aiomqtt awaits the broker, returns its result in
    place of a cancellation that comes at the same moment.
    """
    await client.publish(topic, text, qos=1, retain=retain)
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
