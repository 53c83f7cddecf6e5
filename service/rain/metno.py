"""Rain at a place in the shape of MET Norway's nowcast (version 2.0)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from echocast.model.outlook.outlook import RAIN_MM_H
from echocast.model.outlook.series import PlaceTime
from echocast.service.http.schemas import Answer
from echocast.service.rain.rain_at_places import PlaceRain

Coverage = Literal["ok", "temporarily unavailable", "no coverage"]


class MetNorwayMeta(Answer):
    """About a nowcast."""

    updated_at: str
    units: dict[str, str]
    radar_coverage: Coverage
    """``temporarily unavailable`` where images are late, ``no coverage`` where nobody looks."""


class MetNorwayProperties(Answer):
    """A nowcast: the newest image first, then the forecast."""

    meta: MetNorwayMeta
    timeseries: list[dict[str, Any]]
    """``time`` and ``data.instant.details``; without ``precipitation_rate`` where it is not known,
    which is not dry. Temperature and wind are not known here."""


class MetNorwayNowcast(Answer):
    """A GeoJSON feature as MET Norway's nowcast has it."""

    type: Literal["Feature"]
    geometry: dict[str, Any]
    properties: MetNorwayProperties


def metno_nowcast(rain: PlaceRain) -> MetNorwayNowcast:
    """The answer of MET Norway's shape."""
    series, point = rain.series(RAIN_MM_H), rain.point
    meta = MetNorwayMeta(
        updated_at=_time(point.forecast_reference_time),
        units={"precipitation_rate": "mm/h"},
        radar_coverage=_coverage(rain, series),
    )
    return MetNorwayNowcast(
        type="Feature",
        geometry={"type": "Point", "coordinates": [point.longitude, point.latitude]},
        properties=MetNorwayProperties(meta=meta, timeseries=[_entry(one) for one in series]),
    )


def _coverage(rain: PlaceRain, series: list[PlaceTime]) -> Coverage:
    if rain.stale:
        return "temporarily unavailable"
    return "ok" if any(one.rate_mm_h is not None for one in series) else "no coverage"


def _entry(one: PlaceTime) -> dict[str, Any]:
    known = {} if one.rate_mm_h is None else {"precipitation_rate": round(one.rate_mm_h, 2)}
    return {"time": _time(one.time), "data": {"instant": {"details": known}}}


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
