"""Orders: what the settings say is to be fetched, checked before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, radians
from typing import Any, Final

from echocast.model.formats.crop import place_of_words
from echocast.service.errors import StartRefused
from echocast.service.fetching.fetcher import Order
from echocast.service.settings import PREFIX, ServiceSettings
from echocast.service.sources.library import all_sources, source_named
from echocast.service.sources.source import RadarSource

RAIN_KM_H: Final = 60.0  # as fast as rain comes into the crop, but for the fastest squalls
LEADS: Final = 10  # steps that a forecast reaches
WHOLE_GB: Final = 2.0  # of a worker's memory, from which on a whole image is warned of
KM_A_DEGREE: Final = 111.2
BYTES_A_KM2: Final = 720.0  # of a worker: 12 GB for the 3800 x 4400 pixels of OPERA


def orders(settings: ServiceSettings, environment: Mapping[str, str]) -> list[Order]:
    """What is fetched, one order a source.

    Raises:
        StartRefused: No source is named, one twice, or one shows nothing of the place.
        SourceError: A source is unknown or damaged, or its key is missing.
        ContractViolation: The place is none.
    """
    names = [name for name in map(str.strip, settings.fetch_sources.split(",")) if name]
    if not names or len(set(names)) < len(names):
        twice = next((f": {name} comes twice" for name in names if names.count(name) > 1), "")
        raise StartRefused(
            f"Name a source by --source, each once{twice}; `echocast sources` lists them."
        )
    if settings.fetch_stream and len(names) > 1:
        raise StartRefused("--stream names the stream of one source; several have their own names.")
    known = all_sources(settings.sources_dir)
    chosen = [source_named(name, known) for name in names]
    for source in chosen:
        source.check_key(environment)
    return [
        Order(source, _reading(source, settings), settings.fetch_stream or source.name)
        for source in chosen
    ]


def fetch_variables(settings: ServiceSettings) -> dict[str, str]:
    """The settings of fetching as variables of a process that fetches."""
    names = [name for name in settings.model_fields_set if name.startswith("fetch_")]
    values = {name: getattr(settings, name) for name in names}
    return {f"{PREFIX}{n.upper()}": str(v) for n, v in values.items() if v is not None}


def crop_radius_km(source: RadarSource, radius_km: float) -> float:
    """How far images are cut out, so that rain from outside is there before it arrives."""
    return round(radius_km + RAIN_KM_H * LEADS * source.step_minutes / 60, 1)


def memory_warning(order: Order) -> str:
    """A sentence where a whole image is large; empty elsewhere."""
    gb = _square_km(order.source.area.bbox) * BYTES_A_KM2 / 1e9
    if "at" in order.reading or gb < WHOLE_GB:
        return ""
    return (
        f"The whole image of {order.source.name} is forecast: at pixels of 1 km that takes up to"
        f" {gb:.0f} GB of a worker's memory. --at LAT,LON cuts a region out."
    )


def _reading(source: RadarSource, settings: ServiceSettings) -> dict[str, Any]:
    words = source.read.words()
    if settings.fetch_at is None:
        return words
    radius = crop_radius_km(source, settings.fetch_radius_km)
    if not source.area.covers(*place_of_words(settings.fetch_at)):
        raise StartRefused(
            f"{source.name} shows nothing of {settings.fetch_at}: {source.title}. `echocast sources"
            f" --at {settings.fetch_at}` lists those that do."
        )
    return {**words, "at": settings.fetch_at, "radius_km": radius}


def _square_km(bbox: tuple[float, float, float, float]) -> float:
    """How large a box in degrees is."""
    west, south, east, north = bbox
    width = (east - west) % 360 * KM_A_DEGREE * cos(radians((south + north) / 2))
    return width * (north - south) * KM_A_DEGREE
