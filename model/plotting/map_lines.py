"""What a map shows beside the rain: coasts, borders, and degrees of latitude and longitude.

All of it is worked out in the grid's own projection and kept for the next map of that grid, as
shares of the map, so that whatever draws (matplotlib, Pillow) can put it there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from echocast.model.grid import KM_PER_DEGREE, Grid
from echocast.model.place.earth import TURN_DEGREES, Degrees, Earth, distance_km, earth_of
from echocast.model.place.projection_text import mapping_text
from echocast.model.place.world_lines import FINEST_STEP, Lines, joined, world_lines
from echocast.model.plotting.north import map_extent

STEPS = (30.0, 15.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)  # between two lines
FEWEST = 2  # lines of latitude, and of longitude, where they can be
MESH = 33  # points along each side of a map that stand for all of it
POINTS = 181  # of a line of latitude or longitude
BEYOND_KM = 2 * FINEST_STEP * KM_PER_DEGREE  # so that no line ends before the edge

Shares = NDArray[np.float64]  # (2, points): of the width from the left, of the height from the top
Extent = tuple[float, float, float, float]  # left, right, bottom, top


@dataclass(frozen=True)
class Mark:
    """A degree at the edge of a map.

    Args:
        text: Such as ``47° N``.
        at: Where along the edge, a share of its length.
    """

    text: str
    at: float


@dataclass(frozen=True)
class MapLines:
    """Lines of a map, north up; NaN stands between two lines.

    Args:
        coasts: Where land meets the sea.
        borders: Where countries meet.
        degrees: A few lines of latitude and longitude.
        latitudes: At the left edge, from the top.
        longitudes: At the lower edge, from the left.
    """

    coasts: Shares
    borders: Shares
    degrees: Shares
    latitudes: tuple[Mark, ...]
    longitudes: tuple[Mark, ...]


def map_lines(grid: Grid) -> MapLines | None:
    """The lines of a grid's map; None where nobody knows its place on earth."""
    return _lines_of(mapping_text(grid.crs), grid.units, map_extent(grid))


@lru_cache(maxsize=32)
def _lines_of(mapping: str, units: str, extent: Extent) -> MapLines | None:
    """Every forecast has a grid of its own, but few are at different places."""
    earth = earth_of(json.loads(mapping), units)
    if earth is None:
        return None
    window = _Window(earth, extent)
    latitude, longitude = window.mesh()
    known = np.isfinite(latitude) & np.isfinite(longitude)
    if not known.any():
        return None
    world, places = world_lines(), np.stack([latitude[known], longitude[known]])
    parallels = {v: _line(v, places[1], parallel=True) for v in _degrees_between(places[0])}
    meridians = {v: _line(v, places[0], parallel=False) for v in _degrees_between(places[1])}
    return MapLines(
        window.shares(_near(world.coasts, places)),
        window.shares(_near(world.borders, places)),
        window.shares(joined([*parallels.values(), *meridians.values()])),
        _marks(parallels, lambda line: window.shares(line), "NS"),
        _marks(meridians, lambda line: window.shares(line)[::-1], "EW"),
    )


@dataclass(frozen=True)
class _Window:
    """The part of the plane that a map shows."""

    earth: Earth
    extent: Extent

    def mesh(self) -> tuple[Degrees, Degrees]:
        """Latitude and longitude of points all over the map; longitudes near each other."""
        left, right, bottom, top = self.extent
        x, y = np.meshgrid(np.linspace(left, right, MESH), np.linspace(bottom, top, MESH))
        latitude, longitude = self.earth.degrees(y, x)
        middle = longitude[MESH // 2, MESH // 2]
        with np.errstate(invalid="ignore"):
            turned = (longitude - middle + TURN_DEGREES / 2) % TURN_DEGREES - TURN_DEGREES / 2
        return latitude, middle + turned

    def shares(self, lines: Lines) -> Shares:
        """Where lines in degrees lie on the map."""
        left, right, bottom, top = self.extent
        y, x = self.earth.plane(lines[0], lines[1], (left + right) / 2)
        with np.errstate(invalid="ignore"):
            shares = np.stack([(x - left) / (right - left), (top - y) / (top - bottom)])
        shares[:, ~np.isfinite(shares).all(axis=0)] = np.nan
        return self._without_jumps(shares)

    def _without_jumps(self, shares: Shares) -> Shares:
        """Lines that end where the map of the whole earth does, not crossing it to go on."""
        if self.earth.turn is None:
            return shares
        half = self.earth.turn / abs(self.extent[1] - self.extent[0]) / 2
        jumps = np.flatnonzero(abs(np.diff(shares[0])) > half)
        return np.insert(shares, jumps + 1, np.nan, axis=1)


def _near(lines: Lines, places: Degrees) -> Lines:
    """The parts of lines that lie around places; nothing of the far side of the earth."""
    middle = places[:, places.shape[1] // 2, None]
    radius = float(distance_km(places, middle).max()) + BEYOND_KM
    with np.errstate(invalid="ignore"):
        near = distance_km(lines, middle) <= radius
    parts = np.flatnonzero(np.diff(near, prepend=False, append=False)).reshape(-1, 2)
    return joined([lines[:, first:end] for first, end in parts])


def _degrees_between(degrees: Degrees) -> list[float]:
    """Round degrees between the least and the greatest, of the widest step with enough of them."""
    least, most = float(degrees.min()), float(degrees.max())
    for step in STEPS:
        numbers = np.arange(np.ceil(least / step), np.floor(most / step) + 1)
        if len(numbers) >= FEWEST:
            break
    return [round(float(number * step), 2) for number in numbers]


def _line(value: float, others: Degrees, *, parallel: bool) -> Lines:
    """A line of latitude (parallel) or longitude, from a little before the map to beyond it."""
    beyond = 0.01 * float(np.ptp(others))
    along = np.linspace(others.min() - beyond, others.max() + beyond, POINTS)
    along = along if parallel else np.clip(along, -90, 90)
    return np.stack([np.full(POINTS, value), along][:: 1 if parallel else -1])


def _marks(
    lines: dict[float, Lines], shares: Callable[[Lines], Shares], signs: str
) -> tuple[Mark, ...]:
    """The degrees of lines that cross an edge of the map.

    Args:
        lines: By their degrees.
        shares: Across the edge, then along it; the edge is where the first is 0 (of latitudes) or
            1 (of longitudes).
        signs: Letters of positive and of negative degrees.
    """
    edge = 0.0 if signs == "NS" else 1.0
    crossings = [(value, _crossing(shares(line), edge)) for value, line in lines.items()]
    return tuple(Mark(_text(value, signs), at) for value, at in crossings if at is not None)


def _crossing(shares: Shares, edge: float) -> float | None:
    """Where along an edge a line crosses it."""
    across, along = shares[0] - edge, shares[1]
    with np.errstate(invalid="ignore"):
        crossed = np.flatnonzero(across[:-1] * across[1:] <= 0)
    for index in crossed:
        step = across[index + 1] - across[index]
        part = -across[index] / step if step else 0.0
        at = float(along[index] + part * (along[index + 1] - along[index]))
        if 0 <= at <= 1:
            return at
    return None


def _text(value: float, signs: str) -> str:
    turned = value if signs == "NS" else (value + 180) % 360 - 180
    sign = signs[0 if turned > 0 else 1]
    return f"{abs(turned):g}°" if turned in (0, -180) else f"{abs(turned):g}° {sign}"
