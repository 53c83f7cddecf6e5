"""Home Assistant by MQTT, with a real broker: one device a place, and never a false all-clear."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiomqtt import Client, MqttError

from echocast.service.errors import StartRefused
from echocast.service.home_assistant.messages import SENSORS, UNKNOWN, state
from echocast.service.home_assistant.places import HomePlace, MqttBroker, broker_of, home_places
from echocast.service.home_assistant.publisher import HomePublisher
from echocast.service.rain.rain_at_places import PlaceRain, rain_answer
from echocast.service.rain.wording import Wording
from echocast.service.settings import ServiceSettings
from echocast.service.streams.places import ObservedPoint
from echocast.service.streams.schemas import PointForecast
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port

WHERE = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
HOME = HomePlace("home", "radar", 47.05, 8.31)
STEP = timedelta(minutes=5)
Messages = dict[str, str]


def rain(*rates: float | None, age: timedelta = timedelta(0)) -> dict[str, Any]:
    """What the service answers of rates, the newest image first, which is so old."""
    newest = datetime.now(UTC) - age
    point = PointForecast(
        stream="radar",
        forecast_reference_time=newest,
        latitude=HOME.latitude,
        longitude=HOME.longitude,
        row=0,
        column=0,
        valid_times=[newest + lead * STEP for lead in range(1, len(rates))],
        lead_minutes=[5.0 * lead for lead in range(1, len(rates))],
        lead_sources=["network"] * (len(rates) - 1),
        reflectivity_dbz=[None] * (len(rates) - 1),
        extrapolation_dbz=[None] * (len(rates) - 1),
        expected_dbz=[],
        expected_rain_rate_mm_h=[],
        rain_rate_mm_h=list(rates[1:]),
        zr={"a": 200, "b": 1.6},
        exceedance_probability={"20": [0.72] * (len(rates) - 1)},
        radar_coverage=[True] * (len(rates) - 1),
        quality={},
        not_stored=[],
    )
    there = PlaceRain(point, ObservedPoint(newest, rates[0], "", ""), STEP, datetime.now(UTC))
    return rain_answer(there, 0.1, Wording()).model_dump(mode="json")


class PretendedService:
    """Answers ``/rain`` as a test says, or not at all."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] | None = rain(0, 0, 2, 2, 0, 0, 0)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/streams/radar/rain"
        assert request.url.params["lat"] == "47.05"
        if self.answer is None:
            raise httpx.ConnectError("nobody there")
        return httpx.Response(200, json=self.answer)


@contextmanager
def mosquitto(folder: Path, port: int) -> Iterator[None]:
    """A broker on loopback; it remembers nothing of the one before."""
    if WHERE is None:
        pytest.skip("HOME ASSISTANT NOT TESTED: there is no mosquitto")
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    broker = subprocess.Popen([WHERE, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        broker.terminate()
        broker.wait(PATIENCE_SECONDS)


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[Messages]:
    """The newest message of each topic, as Home Assistant would have it."""
    newest: Messages = {}

    async def listen() -> None:
        while True:
            with suppress(MqttError):
                async with Client("127.0.0.1", port) as client:
                    await client.subscribe("#")
                    async for message in client.messages:
                        assert isinstance(message.payload, bytes)
                        newest[str(message.topic)] = message.payload.decode()
            await asyncio.sleep(0.05)

    async with _running(listen()):
        yield newest


@asynccontextmanager
async def _running(work: Awaitable[None]) -> AsyncIterator[asyncio.Future[None]]:
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def publishing(port: int, service: PretendedService) -> AsyncIterator[asyncio.Future[None]]:
    transport = httpx.MockTransport(service)
    async with httpx.AsyncClient(base_url="http://service", transport=transport) as client:
        broker = MqttBroker("127.0.0.1", port, tls=False, user=None, password=None)
        publisher = HomePublisher(broker, [HOME], client, "homeassistant", 0.1, {"lang": "en"})
        async with _running(publisher.run()) as task:
            yield task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.02)


AVAILABLE = "echocast/echocast_radar_home/availability"
STATE = "echocast/echocast_radar_home/state"
DEVICE = "homeassistant/device/echocast_radar_home/config"
BRIDGE = "echocast/status"


def raining(messages: Messages) -> str:
    return str(json.loads(messages.get(STATE, "{}")).get("raining", ""))


def test_a_place_is_a_device_whose_state_follows_the_service(tmp_path: Path) -> None:
    async def story() -> None:
        port, service = free_port(), PretendedService()
        with mosquitto(tmp_path, port):
            async with listening(port) as messages, publishing(port, service):
                await until(lambda: {DEVICE, STATE, AVAILABLE, BRIDGE} <= messages.keys())
                assert messages[BRIDGE] == messages[AVAILABLE] == "online"
                device = json.loads(messages[DEVICE])
                assert set(device["components"]) == set(SENSORS) == set(json.loads(messages[STATE]))
                assert device["components"]["raining"]["expire_after"] == 120
                topics = {one["topic"] for one in device["availability"]}
                assert topics == {BRIDGE, AVAILABLE}
                assert raining(messages) == "OFF"
                service.answer = rain(3, 3, 0, 0)
                await until(lambda: raining(messages) == "ON")
                service.answer = rain(0, 0, 0, age=timedelta(hours=1))  # images are late
                await until(lambda: messages[AVAILABLE] == "offline")
                assert raining(messages) == "ON"  # nothing else was published
                service.answer = rain(0, 0, 0)
                await until(lambda: messages[AVAILABLE] == "online" and raining(messages) == "OFF")
                service.answer = None  # the service is gone
                await until(lambda: messages[AVAILABLE] == "offline")

    asyncio.run(story())


def test_a_broker_that_starts_again_hears_everything_again(tmp_path: Path) -> None:
    async def story() -> None:
        port, service = free_port(), PretendedService()
        async with publishing(port, service):  # there is no broker yet
            with mosquitto(tmp_path, port):
                async with listening(port) as messages:
                    await until(lambda: raining(messages) == "OFF")
            with mosquitto(tmp_path, port):
                async with listening(port) as messages:
                    await until(lambda: {DEVICE, STATE, AVAILABLE, BRIDGE} <= messages.keys())

    asyncio.run(story())


def test_a_publisher_that_is_gone_is_not_available(tmp_path: Path) -> None:
    async def story() -> None:
        port, service = free_port(), PretendedService()
        with mosquitto(tmp_path, port):
            async with listening(port) as messages:
                async with publishing(port, service):
                    await until(lambda: messages.get(BRIDGE) == "online")
                await until(lambda: messages[BRIDGE] == "offline")

    asyncio.run(story())


class LosesCancellations:
    """A client that answers at the very moment at which the task is cancelled."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.waits = asyncio.Event()

    async def publish(self, topic: str, text: str, *, qos: int, retain: bool = False) -> None:
        self.sent.append((topic, text))
        if topic == BRIDGE and text == "online":
            self.waits.set()
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(PATIENCE_SECONDS)


def test_a_publisher_ends_though_its_cancellation_was_lost() -> None:
    async def story() -> list[tuple[str, str]]:
        client, service = LosesCancellations(), PretendedService()
        transport = httpx.MockTransport(service)
        async with httpx.AsyncClient(base_url="http://service", transport=transport) as http:
            broker = MqttBroker("127.0.0.1", 1, tls=False, user=None, password=None)
            publisher = HomePublisher(broker, [HOME], http, "homeassistant", 0.1, {"lang": "en"})
            task = asyncio.ensure_future(publisher._publish_until_cancelled(client))
            await client.waits.wait()
            task.cancel()
            await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
            assert task.cancelled()
        return client.sent

    assert asyncio.run(story())[-2:] == [(BRIDGE, "online"), (BRIDGE, "offline")]


@pytest.mark.parametrize(
    ("rates", "raining_now", "soon"),
    [
        ((0, 0, 0, 0, 0, 0, 0, 0), "OFF", "OFF"),
        ((0, 0, 0, 2, 2, 0, 0, 0), "OFF", "ON"),
        ((0, 0, 0, 0, 0, 0, 0, 0, 2), "OFF", "OFF"),
        ((2, 0, 0, 0), "ON", "ON"),
        ((None, 0, 0, 0), UNKNOWN, UNKNOWN),
        ((0, None, 0, 0), "OFF", UNKNOWN),
        ((None, None), UNKNOWN, UNKNOWN),
        ((0, 0, None, 0, 0, 0, 0, 0, 0, 2), "OFF", UNKNOWN),
    ],
)
def test_what_is_not_known_is_never_off(
    rates: tuple[float | None, ...], raining_now: str, soon: str
) -> None:
    given = state(rain(*rates))
    assert (given["raining"], given["rain_soon"]) == (raining_now, soon)
    assert None not in given.values()
    assert len(given["sentence"]) <= 255


@pytest.mark.parametrize(
    "wrong",
    [
        {"mqtt_url": "http://broker"},
        {"mqtt_url": "mqtt://"},
        {"mqtt_url": "mqtt://broker:0"},
        {"mqtt_url": "mqtt://broker:much"},
        {"mqtt_password_file": Path("/nowhere")},
        {"mqtt_places": ""},
        {"mqtt_places": "home=47.05"},
        {"mqtt_places": "home=91,8"},
        {"mqtt_places": "a b=47,8"},
        {"mqtt_places": "home=47,8;home=46,7"},
        {"mqtt_places": "home=nan,8"},
        {"mqtt_stream": ""},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    good = {"mqtt_url": "mqtt://broker", "mqtt_places": "home=47.05,8.31", "mqtt_stream": "radar"}
    settings = ServiceSettings(**{**good, **wrong})
    with pytest.raises(StartRefused):
        broker_of(settings), home_places(settings)


def test_settings_name_broker_and_places(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n")
    settings = ServiceSettings(
        mqtt_url="mqtts://me@broker",
        mqtt_password_file=file,
        mqtt_places="home=47.05,8.31; the-hut=46.5,7.9;",
        mqtt_stream="radar",
    )
    assert broker_of(settings) == MqttBroker("broker", 8883, tls=True, user="me", password="secret")
    assert "secret" not in repr(broker_of(settings))
    assert home_places(settings) == [HOME, HomePlace("the-hut", "radar", 46.5, 7.9)]
