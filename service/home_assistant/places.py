"""HomePlace: the places that Home Assistant shows, and the broker of their messages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from echocast.service.errors import StartRefused
from echocast.service.settings import ServiceSettings

NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True)
class HomePlace:
    """A place that is a device.

    Args:
        name: Of the place.
        stream: Whose rain it is.
        latitude: In degrees.
        longitude: In degrees.
    """

    name: str
    stream: str
    latitude: float
    longitude: float

    @property
    def id(self) -> str:
        """What distinguishes it from all other devices."""
        return f"echocast_{self.stream}_{self.name}"


@dataclass(frozen=True)
class MqttBroker:
    """Where messages go.

    Args:
        host: Name or address.
        port: TCP port.
        tls: Whether the connection is encrypted.
        user: Name to log in with; None: none.
        password: Goes with it.
    """

    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None

    def __repr__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def home_places(settings: ServiceSettings) -> list[HomePlace]:
    """The places of the settings.

    Raises:
        StartRefused: There is none, one is none, or two have one name.
    """
    texts = [text for text in map(str.strip, settings.mqtt_places.split(";")) if text]
    places = [_place(text, settings.mqtt_stream) for text in texts]
    if not places or len({place.name for place in places}) < len(places):
        raise StartRefused(
            "ECHOCAST_MQTT_PLACES names places, each once: home=47.05,8.31; work=47.37,8.54."
        )
    return places


def _place(text: str, stream: str) -> HomePlace:
    name, _, where = map(str.strip, text.partition("="))
    latitude, _, longitude = where.partition(",")
    try:
        place = HomePlace(name, stream, float(latitude), float(longitude))
    except ValueError:
        place = HomePlace("", stream, 0.0, 0.0)
    on_earth = abs(place.latitude) <= 90 and -180 <= place.longitude <= 360
    if not (NAME.fullmatch(place.name) and on_earth):
        raise StartRefused(
            f"A place is name=latitude,longitude with letters, digits, _ and - in its name, not"
            f" {text[:60]!r}."
        )
    if not stream:
        raise StartRefused("ECHOCAST_MQTT_STREAM names the stream whose rain is published.")
    return place


def broker_of(settings: ServiceSettings) -> MqttBroker:
    """The broker of the settings.

    Raises:
        StartRefused: The address is none, or the file with the password can't be read.
    """
    parts = urlsplit(settings.mqtt_url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in PORTS or not parts.hostname or port == 0:
        raise StartRefused(
            "ECHOCAST_MQTT_URL is mqtt://HOST or mqtts://HOST, with a port and a user where needed."
        )
    password = unquote(parts.password) if parts.password else _password(settings.mqtt_password_file)
    user = unquote(parts.username) if parts.username else None
    return MqttBroker(
        parts.hostname, port or PORTS[parts.scheme], parts.scheme == "mqtts", user, password
    )


def _password(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartRefused(f"The password file {file} cannot be read: {error}.") from error
