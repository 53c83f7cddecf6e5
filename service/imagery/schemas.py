"""What the service answers about maps."""

from __future__ import annotations

from datetime import datetime

from echocast.service.http.schemas import Answer


class Bounds(Answer):
    """A part of the map in degrees; west may be below -180 and east above 180."""

    south: float
    west: float
    north: float
    east: float


class ImageSize(Answer):
    """Pixels of an image."""

    height: int
    width: int


class MapLayer(Answer):
    """What images of one kind show."""

    name: str
    """``rain`` (observed, or the default product), ``expected``, ``extrapolation``,
    ``probability-`` and a threshold in dBZ, or ``difference``: of observed times, an earlier
    forecast against what was then observed."""
    unit: str
    """``dBZ``: code / 2 - 32. ``%``: the code itself. ``outcome``: 0 correct negative, 1 hit, 2
    miss, 3 false alarm. 254 was observed but can't be traced to this lead time, 255 was not
    observed."""
    threshold_dbz: float | None = None
    threshold_mm_h: float | None = None
    """The same as rain rate, by the stream's Z-R relation."""
    lead_minutes: float | None = None
    """How long before the newest observed time the forecast was made that ``difference`` judges."""


class MapFrame(Answer):
    """The images of one time."""

    id: str
    time: datetime
    observed: bool
    """False: forecast."""
    lead_minutes: float | None
    images: dict[str, str]
    """MapLayer -> path of its image: 8-bit grey, Web Mercator, stretched over ``bounds``."""


class Relation(Answer):
    """Z = a R^b between reflectivity and rain rate in mm/h."""

    a: float
    b: float


class StreamMap(Answer):
    """The time line of a stream's images: observed ones of two hours, then the newest forecast."""

    stream: str
    step_minutes: float
    late_after_minutes: float
    """From which age on the newest image says nothing of now."""
    bounds: Bounds
    size: ImageSize
    sampled: int
    """Every how many pixels of the radar's grid, along both axes, images hold one."""
    reference_time: datetime | None
    """Of the forecast; null before there is one."""
    issued: datetime | None
    model: str | None
    quality: dict[str, str]
    zr: Relation
    attribution: str
    """Whose radar images these are; empty where nobody said so."""
    licence: str
    layers: list[MapLayer]
    frames: list[MapFrame]
