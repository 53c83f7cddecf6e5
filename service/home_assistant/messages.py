"""What is published: the device of a place once, then its state again and again.

What is not known is ``None``, which Home Assistant shows as unknown: it must never read as dry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from echocast import __version__
from echocast.service.home_assistant.places import HomePlace

SOON_MINUTES: Final = 30
UNKNOWN: Final = "None"  # what Home Assistant reads as unknown, in both kinds of sensor
LONGEST_STATE: Final = 255  # characters of a state of Home Assistant's
ONLINE, OFFLINE = "online", "offline"
BRIDGE_TOPIC: Final = "echocast/status"
MM_H: Final = {
    "device_class": "precipitation_intensity",
    "unit_of_measurement": "mm/h",
    "state_class": "measurement",
}
TIME: Final = {"device_class": "timestamp"}
RAIN: Final = {"device_class": "moisture", "platform": "binary_sensor"}
SENSORS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "raining": ("Raining", RAIN),
    "rain_soon": (f"Rain within {SOON_MINUTES} minutes", RAIN),
    "next_start": ("Rain begins", TIME),
    "next_end": ("Rain ends", TIME),
    "rate_now": ("Rain rate", MM_H),
    "peak": ("Rain peak", MM_H),
    "probability": ("Rain probability", {"unit_of_measurement": "%"}),
    "sentence": ("Rain in words", {"icon": "mdi:weather-rainy"}),
}


def state_topic(place: HomePlace) -> str:
    """Where the state of a place is published."""
    return f"echocast/{place.id}/state"


def availability_topic(place: HomePlace) -> str:
    """Where it is published whether anything is known of a place."""
    return f"echocast/{place.id}/availability"


def discovery_topic(prefix: str, place: HomePlace) -> str:
    """Where Home Assistant looks for the device of a place."""
    return f"{prefix}/device/{place.id}/config"


def discovery(place: HomePlace, expire_after_seconds: int) -> dict[str, Any]:
    """The device of a place with its sensors."""
    return {
        "device": {
            "identifiers": [place.id],
            "name": f"Rain at {place.name}",
            "manufacturer": "Echocast",
            "model": f"Stream {place.stream}",
            "sw_version": __version__,
        },
        "origin": {"name": "Echocast", "sw_version": __version__},
        "state_topic": state_topic(place),
        "availability_mode": "all",
        "availability": [{"topic": BRIDGE_TOPIC}, {"topic": availability_topic(place)}],
        "components": {
            key: {
                "platform": "sensor",
                "name": name,
                "unique_id": f"{place.id}_{key}",
                "value_template": f"{{{{ value_json.{key} }}}}",
                "expire_after": expire_after_seconds,
                **more,
            }
            for key, (name, more) in SENSORS.items()
        },
    }


def state(rain: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a place by the answer of ``/rain``; all values of :data:`SENSORS`."""
    chance = rain["probability"]
    values = {
        "raining": _switch(rain["raining_now"]),
        "rain_soon": _switch(_soon(rain)),
        "next_start": rain["next_start"],
        "next_end": rain["next_end"],
        "rate_now": rain["rate_now_mm_h"],
        "peak": rain["peak_mm_h"],
        "probability": None if chance is None else round(100 * chance),
        "sentence": rain["sentence"][:LONGEST_STATE],
    }
    return {key: UNKNOWN if value is None else value for key, value in values.items()}


def _switch(on: bool | None) -> str | None:
    return None if on is None else "ON" if on else "OFF"


def _soon(rain: Mapping[str, Any]) -> bool | None:
    """Whether it rains within half an hour; None: not known."""
    if rain["state"] == "rain":
        return True
    minutes = rain["minutes_until_start"]
    if minutes is not None and minutes <= SOON_MINUTES:
        return True
    if rain["state"] == "unknown" or rain["next_start_is_latest"]:
        return None
    return False
