"""Truth: what a file means, worked out from what is written into it, never from what is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pyproj import CRS, Transformer

START = datetime(2026, 7, 1, 12, tzinfo=UTC)
FLOOR_DBZ = -32.0  # rates below it are dry
PROJECTIONS = {  # PROJ text, west edge, north edge and side of a pixel in metres
    "laea": ("+proj=laea +lat_0=55 +lon_0=10 +x_0=1950000 +y_0=-2100000 +ellps=WGS84", 2e6, -2e6),
    "stere": ("+proj=stere +lat_0=90 +lat_ts=60 +lon_0=10 +R=6370040", -5e5, -3.6e6),
    "lcc": ("+proj=lcc +lat_0=46 +lon_0=10 +lat_1=44 +lat_2=48 +ellps=WGS84", -5e4, 8e4),
    "merc": ("+proj=merc +lon_0=0 +ellps=WGS84", 1.1e6, 6.1e6),
    "aeqd": ("+proj=aeqd +lat_0=-27.7 +lon_0=153.2 +ellps=WGS84", -3e4, 4e4),
    "far": ("+proj=laea +lat_0=-18 +lon_0=179.5 +ellps=WGS84", 2e4, 3e4),  # over the date line
}
SIDE = 2000.0

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """The right reading of some files.

    Args:
        files: To be read together.
        dbz: (time, y, x) in dBZ, NaN where missing, ``FLOOR_DBZ`` or less where dry.
        times: Valid times, UTC.
        latitude: Of the pixel centres, (y, x); None where the files do not say.
        longitude: Likewise.
        choices: What was drawn, for the report.
    """

    files: Sequence[Path]
    dbz: Values
    times: Sequence[datetime]
    latitude: Values | None = None
    longitude: Values | None = None
    choices: dict[str, Any] = field(default_factory=dict)


def rates_as_dbz(rates: Values, a: float = 200.0, b: float = 1.6) -> Values:
    """Rates in mm/h by Z = a R^b; dry is the floor."""
    with np.errstate(divide="ignore"):
        decibels = 10 * np.log10(np.maximum(rates, 0))  # packing leaves -1e-15 of 0
        return np.maximum(10 * np.log10(a) + b * decibels, FLOOR_DBZ)


def drawn_rain(draw: Generator, shape: tuple[int, int, int], *, rates: bool) -> Values:
    """Smooth rain with dry places: in dBZ (dry: -32) or in mm/h (dry: 0)."""
    rows, columns = np.indices(shape[1:])
    field = np.zeros(shape)
    for _ in range(4):
        y, x = draw.uniform(0, shape[1]), draw.uniform(0, shape[2])
        width, peak = draw.uniform(2, 6), draw.uniform(25, 55)
        for t in range(shape[0]):
            far = ((rows - y - 0.5 * t) ** 2 + (columns - x - t) ** 2) / width**2
            field[t] = np.maximum(field[t], peak - 9 * far)
    wet = field > 8
    if not rates:
        return np.where(wet, field, FLOOR_DBZ)
    return np.where(wet, (10 ** (field / 10) / 200) ** (1 / 1.6), 0.0)


def drawn_times(draw: Generator, count: int) -> list[datetime]:
    """Regular times on whole minutes."""
    step = timedelta(minutes=int(draw.choice([2, 5, 6, 10, 15])))
    first = START + timedelta(minutes=int(draw.integers(0, 1440)))
    return [first + k * step for k in range(count)]


def plane(name: str, shape: tuple[int, int]) -> tuple[CRS, Values, Values]:
    """A projection, and x and y of its pixel centres in metres, north first."""
    text, west, north = PROJECTIONS[name]
    x = west + SIDE * (np.arange(shape[1]) + 0.5)
    y = north - SIDE * (np.arange(shape[0]) + 0.5)
    return CRS.from_user_input(text), x, y


def degrees(crs: CRS, x: Values, y: Values) -> tuple[Values, Values]:
    """Latitude and longitude of the pixel centres on the projection's own ellipsoid, (y, x)."""
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    east, north = to_degrees.transform(*np.meshgrid(x, y))
    return north, east


def picked(draw: Generator, *choices: Any) -> Any:
    """One of some things, as it is."""
    return choices[int(draw.integers(len(choices)))]
