"""Grid: where the pixels of radar images are."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from echocast.model.place.earth import METRES, Earth, distance_km, earth_of, same_text

KM_PER_DEGREE = 111.195  # one degree of a great circle, mean Earth radius 6371 km
KM_PER_UNIT = {"m": 1e-3, "km": 1.0}
GEOLOCATION = ("latitude", "longitude")
SAME_DEGREES = 1e-3  # about 100 m
SAME_PIXELS = 0.01  # rounding of coordinates, and the last digits of an earth radius
DEFAULT_PIXEL_KM = 1.0  # where a grid does not say
FloatArray = NDArray[np.float32]
Places = NDArray[np.float64]  # latitude and longitude, shape (2, ...)


def outer_edges(centres: NDArray[np.float64]) -> tuple[float, float]:
    """Outer edges of the first and the last pixel, from the centres of evenly spaced ones."""
    half = float(centres[-1] - centres[0]) / max(1, len(centres) - 1) / 2
    return float(centres[0]) - half, float(centres[-1]) + half


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the pixels are.

    Args:
        y: Pixel centres along rows, row 0 first, shape (height,), in ``units``.
        x: Pixel centres along columns, shape (width,), in ``units``.
        units: ``m``, ``km``, ``degree`` (longitude/latitude) or ``1`` (plain pixel numbers).
        crs: CF grid-mapping attributes (with ``crs_wkt`` where known); empty if unknown.
        latitude: Degrees north of each pixel, (height, width), where the input says; handed on.
        longitude: Degrees east, where the input says.
    """

    y: NDArray[np.float64]
    x: NDArray[np.float64]
    units: str = "1"
    crs: Mapping[str, Any] = field(default_factory=dict)
    latitude: FloatArray | None = None
    longitude: FloatArray | None = None

    @classmethod
    def of_pixels(cls, height: int, width: int) -> Self:
        """A grid that knows nothing but its size."""
        return cls(y=np.arange(height, dtype=float), x=np.arange(width, dtype=float))

    @classmethod
    def of_squares(cls, height: int, width: int, km: float) -> Self:
        """Squares of known size at an unknown place."""
        y, x = (np.arange(size, dtype=float) * km for size in (height, width))
        return cls(y=y, x=x, units="km")

    def part(self, rows: slice, columns: slice) -> Grid:
        """The grid of a window."""
        north, east = (
            None if whole is None else whole[rows, columns]
            for whole in (self.latitude, self.longitude)
        )
        return replace(self, y=self.y[rows], x=self.x[columns], latitude=north, longitude=east)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return len(self.y), len(self.x)

    @property
    def pixel_size_km(self) -> float | None:
        """Side of a square of one pixel's area in km; None where the grid does not say."""
        if len(self.y) < 2 or len(self.x) < 2:
            return None
        if self.units == "1":
            return self._geolocated_pixel_km()
        dy = abs(float(self.y[-1] - self.y[0])) / (len(self.y) - 1)
        dx = abs(float(self.x[-1] - self.x[0])) / (len(self.x) - 1)
        if self.units == "degree":
            middle = np.deg2rad(float(self.y[0] + self.y[-1]) / 2)
            return float(np.sqrt(dy * dx * np.cos(middle)) * KM_PER_DEGREE)
        return float(np.sqrt(dy * dx) * KM_PER_UNIT[self.units])

    def _geolocated_pixel_km(self) -> float | None:
        """The same by latitude and longitude: the median of all pixels."""
        if self.latitude is None or self.longitude is None:
            return None
        north = np.gradient(self.latitude.astype(np.float64))
        east = np.gradient(np.unwrap(self.longitude.astype(np.float64), period=360))
        areas = abs(north[0] * east[1] - north[1] * east[0]) * np.cos(np.deg2rad(self.latitude))
        known = areas[np.isfinite(areas)]
        return float(np.sqrt(np.median(known)) * KM_PER_DEGREE) if known.size else None

    @cached_property
    def earth(self) -> Earth | None:
        """The way between coordinates and the earth; None where coordinates do not tell."""
        return earth_of(self.crs, self.units)

    def same_as(self, other: Grid) -> bool:
        """True where both grids put every pixel at the same place, as far as both tell."""
        return self.displacement(other) <= SAME_PIXELS

    def near(self, other: Grid) -> bool:
        """True where no pixel lies more than one pixel from the same one of the other grid.

        Numbers of pixels are no places that could be a little off: they must be the same.
        """
        most = SAME_PIXELS if self.units == "1" and self.latitude is None else 1 + SAME_PIXELS
        return self.displacement(other) <= most

    def displacement(self, other: Grid) -> float:
        """How many pixels the same pixel of both grids lies apart at most, as far as both tell.

        Returns:
            0 where every pixel is at the same place, however the projection is written; infinity
            where shapes differ, or the places that projections give.
        """
        if self is other:
            return 0.0
        if self.shape != other.shape:
            return np.inf
        return max(self._plane_displacement(other), self._geolocation_displacement(other))

    def _plane_displacement(self, other: Grid) -> float:
        """The same by coordinates and projection."""
        if self.has_plane_of(other):
            scale = METRES.get(other.units, 1.0) / METRES.get(self.units, 1.0)
            along_x = _apart(self.x, other.x * scale)
            if along_x > SAME_PIXELS and self.earth is not None and self.earth.turn is not None:
                turns = round(float(self.x.mean() - other.x.mean() * scale) / self.earth.turn)
                along_x = _apart(self.x, other.x * scale + turns * self.earth.turn)
            return max(_apart(self.y, other.y * scale), along_x)
        return 0.0 if self._is_at(other._places()) else np.inf

    def _geolocation_displacement(self, other: Grid) -> float:
        """The same by the latitude and longitude of each pixel, where both have them."""
        mine, theirs = self._geolocation(), other._geolocation()
        if mine is None or theirs is None or _agree(mine, theirs):
            return 0.0
        if not np.array_equal(np.isnan(mine), np.isnan(theirs)):
            return np.inf
        side = self.pixel_size_km
        return _furthest_km(mine, theirs) / side if side else np.inf

    def _geolocation(self) -> Places | None:
        if self.latitude is None or self.longitude is None:
            return None
        return np.stack([self.latitude, self.longitude]).astype(np.float64)

    def furthest_km(self, other: Grid) -> float:
        """How far the same pixel of both grids lies apart at most; infinity where unknown."""
        return _furthest_km(self._places(), other._places())

    def contradiction_km(self) -> float:
        """How far latitude and longitude lie from where coordinates put pixels; 0: unknown."""
        known = self._geolocation() if self.crs or self.units == "degree" else None
        places = self._places() if known is not None else None
        if known is None or places is None:
            return 0.0
        rows, columns = self._few()
        apart = distance_km(known[:, rows][:, :, columns], places)
        return float(np.nanmax(apart)) if np.isfinite(apart).any() else 0.0

    def has_plane_of(self, other: Grid) -> bool:
        """True where coordinates mean the same in both grids, as far as both tell."""
        if self.units != other.units and not {self.units, other.units} <= set(METRES):
            return False
        if same_text(self.crs, other.crs) or (
            self.units in METRES and not (self.crs and other.crs)
        ):
            return True
        in_their_words = replace(self, crs=other.crs)
        return self._is_at(in_their_words._places())

    def _places(self) -> Places | None:
        """Latitude and longitude of a few pixels, spread from corner to corner."""
        if self.earth is None:
            return None
        rows, columns = self._few()
        y, x = np.meshgrid(self.y[rows], self.x[columns], indexing="ij")
        return np.stack(self.earth.degrees(y, x))

    def _few(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns of a few pixels, from corner to corner."""
        rows, columns = (np.unique(np.linspace(0, n - 1, 5).round()) for n in self.shape)
        return rows.astype(np.intp), columns.astype(np.intp)

    def _is_at(self, theirs: Places | None) -> bool:
        return _furthest_km(self._places(), theirs) <= SAME_PIXELS * (self.pixel_size_km or 0.0)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal grid back."""
        value: dict[str, Any] = {
            "y": self.y.tolist(),
            "x": self.x.tolist(),
            "units": self.units,
            "crs": dict(self.crs),
        }
        for name in GEOLOCATION:
            if (degrees := getattr(self, name)) is not None:
                value[name] = base64.b64encode(degrees.astype("<f4").tobytes()).decode()
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The grid that :meth:`to_json` described."""
        y, x = (np.asarray(value[axis], dtype=float) for axis in ("y", "x"))
        degrees = {
            name: np.frombuffer(base64.b64decode(value[name]), "<f4").reshape(len(y), len(x))
            for name in GEOLOCATION
            if name in value
        }
        return cls(y=y, x=x, units=str(value["units"]), crs=dict(value["crs"]), **degrees)


def _furthest_km(ours: Places | None, theirs: Places | None) -> float:
    if ours is None or theirs is None:
        return np.inf
    apart = distance_km(ours, theirs)
    return float(np.nanmax(apart)) if np.isfinite(apart).any() else np.inf


def _apart(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """How far two axes differ at most, in pixels."""
    side = abs(float(ours[-1] - ours[0])) / max(1, len(ours) - 1) or 1.0
    return float(np.max(np.abs(ours - theirs), initial=0.0)) / side


def _agree(ours: Places, theirs: Places) -> bool:
    """True where two sets of degrees are the same."""
    return np.allclose(ours, theirs, rtol=0, atol=SAME_DEGREES, equal_nan=True)
