"""Crop: which part of a composite is read, and how coarse.

A national composite is read for one's own region: only the window is taken from the file where its
format allows that, and blocks of pixels may become one, by their mean reflectivity factor Z.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ContractViolation, short
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray, Grid
from echocast.model.place.earth import EARTH_KM, distance_km

LONGEST_RADIUS_KM = 5000.0
LARGEST_BLOCK = 16
FEWEST_PIXELS = 16  # a side, after blocks became pixels
POINTS = 64  # along a circle, and along each side of a box

Window: TypeAlias = tuple[slice, slice]
Degrees: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Crop:
    """A region, and the side of the blocks of pixels that become one.

    Args:
        centre: Latitude and longitude, with ``radius_km``; None: everywhere.
        radius_km: How far the region reaches from its centre.
        box: West, south, east, north in degrees, instead of a centre; over the date line the east
            is the smaller number.
        tile: First row, row after the last, first column, column after the last, of the whole
            composite, instead of a centre or a box.
        reduce: Side of the blocks, in pixels; 1: pixels stay.

    Raises:
        ContractViolation: The numbers make no region.
    """

    centre: tuple[float, float] | None = None
    radius_km: float | None = None
    box: tuple[float, float, float, float] | None = None
    reduce: int = 1
    tile: tuple[int, int, int, int] | None = None

    def __post_init__(self) -> None:
        if (self.centre is None) != (self.radius_km is None):
            raise _no_region("a place needs a radius in km, and a radius a place")
        if sum(part is not None for part in (self.centre, self.box, self.tile)) > 1:
            raise _no_region("a place with a radius, a box and a tile cannot be given together")
        if self.radius_km is not None and not 0 < self.radius_km <= LONGEST_RADIUS_KM:
            raise _no_region(f"the radius must lie in 0..{LONGEST_RADIUS_KM:g} km")
        if not 1 <= self.reduce <= LARGEST_BLOCK:
            raise _no_region(f"blocks must have 1 to {LARGEST_BLOCK} pixels a side")
        if self.box is not None and not self.box[1] < self.box[3]:
            raise _no_region("the south of a box must be the smaller latitude")
        west, south, east, north = self.box or (0, 0, 0, 0)
        for latitude, longitude in (self.centre or (0, 0), (south, west), (north, east)):
            _check_place(latitude, longitude)

    @classmethod
    def of_words(
        cls,
        at: str | None = None,
        radius_km: float | None = None,
        bbox: str | None = None,
        reduce: int = 1,
    ) -> Self:
        """A crop as options and queries give it.

        Args:
            at: Latitude and longitude in degrees: ``48.1,11.6``.
            radius_km: See the class.
            bbox: West, south, east, north in degrees: ``10.5,47.5,12.5,48.7``.
            reduce: See the class.

        Raises:
            ContractViolation: They make no region.
        """
        centre = None if at is None else place_of_words(at)
        box = None if bbox is None else _numbers(bbox, 4, "west,south,east,north")
        return cls(
            centre,
            radius_km,
            None if box is None else (box[0], box[1], box[2], box[3]),
            reduce,
        )

    @property
    def is_whole(self) -> bool:
        """Whether everything is read."""
        return self == Crop()

    def window(self, grid: Grid, where: str) -> Window:
        """Rows and columns of a grid that cover the region, in whole blocks.

        Raises:
            ContractViolation: The region is outside, too small, or the grid has no place.
        """
        if self.is_whole:
            return slice(0, grid.shape[0]), slice(0, grid.shape[1])
        rows, columns = self._indices(grid, where)
        window = tuple(
            _in_blocks(part, length, self.reduce)
            for part, length in zip((rows, columns), grid.shape, strict=True)
        )
        fewest = min(part.stop - part.start for part in window)
        if fewest < FEWEST_PIXELS * self.reduce:
            raise ContractViolation(
                f"A region needs at least {FEWEST_PIXELS} pixels a side, but the one requested has"
                f" {max(0, fewest) // self.reduce} in {where}.",
                rule="crop",
            )
        return window[0], window[1]

    def of_frames(self, frames: Frames, where: str) -> Frames:
        """This part of frames that were read whole.

        Raises:
            ContractViolation: As of :meth:`window`.
        """
        if self.is_whole:
            return frames
        rows, columns = self.window(frames.grid, where)
        values = frames.reflectivity_dbz[:, rows, columns]
        part = replace(frames, reflectivity_dbz=values, grid=frames.grid.part(rows, columns))
        return self.coarser(part)

    def coarser(self, frames: Frames) -> Frames:
        """Frames whose blocks became pixels: means of Z over what was measured.

        A block is missing where less than half of it was measured. Dry pixels count as Z = 0.
        """
        if self.reduce == 1:
            return frames
        values = np.stack([self._means(frame, frames) for frame in frames.reflectivity_dbz])
        grid = _coarser_grid(frames.grid, self.reduce)
        sentence = f"Pixels are means of Z over {self.reduce} x {self.reduce} pixels of the image."
        notes = {**frames.notes, "reduced": sentence}
        return replace(frames, reflectivity_dbz=values, grid=grid, notes=notes)

    def _means(self, values: FloatArray, frames: Frames) -> FloatArray:
        measured = ~np.isnan(values)
        wet = measured & (values > frames.no_rain_dbz)
        z = np.where(wet, 10 ** (np.where(wet, values, 0) / np.float32(10)), np.float32(0))
        count = _blocks(measured, self.reduce).sum((1, 3))
        total = _blocks(z, self.reduce).sum((1, 3), dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            dbz = 10 * np.log10(total / count)
        dbz = np.maximum(dbz, frames.no_rain_dbz)
        return np.where(2 * count >= self.reduce**2, dbz, np.nan).astype(np.float32)

    def _indices(self, grid: Grid, where: str) -> Window:
        height, width = grid.shape
        if self.tile is not None:
            top, bottom, left, right = self.tile
            return slice(top, min(bottom, height)), slice(left, min(right, width))
        if self.centre is None and self.box is None:
            return slice(0, height), slice(0, width)
        if grid.earth is not None:
            return self._by_projection(grid, where)
        if grid.latitude is not None and grid.longitude is not None:
            return self._by_degrees(grid, where)
        raise ContractViolation(
            f"A region cannot be cut out of {where}: its grid does not say where on earth it is.",
            rule="place",
        )

    def _by_projection(self, grid: Grid, where: str) -> Window:
        """The smallest window around the outline, in the plane of the grid."""
        assert grid.earth is not None
        middle = float(grid.x.mean())
        places = [
            grid.earth.coordinates(float(north), float(east), middle)
            for north, east in zip(*self._outline(), strict=True)
        ]
        known = np.array([place for place in places if np.isfinite(place).all()]).reshape(-1, 2)
        if not len(known):
            raise _outside(where)
        return _between(grid.y, known[:, 0], where), _between(grid.x, known[:, 1], where)

    def _by_degrees(self, grid: Grid, where: str) -> Window:
        """The smallest window around all pixels inside, by their latitude and longitude."""
        north, east = (np.asarray(part, np.float64) for part in (grid.latitude, grid.longitude))
        if self.centre is not None and self.radius_km is not None:
            here = np.array(self.centre).reshape(2, 1, 1)
            inside = distance_km(np.stack([north, east]), here) <= self.radius_km
        else:
            assert self.box is not None
            west, south, limit, top = self.box
            across = (east - west) % 360 <= (limit - west) % 360
            inside = (north >= south) & (north <= top) & across
        if not inside.any():
            raise _outside(where)
        rows, columns = (np.nonzero(inside.any(axis))[0] for axis in (1, 0))
        return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)

    def _outline(self) -> tuple[Degrees, Degrees]:
        """Latitude and longitude of points around the region."""
        if self.centre is not None and self.radius_km is not None:
            return _circle(*self.centre, self.radius_km)
        west, south, east, north = self.box or (0.0, 0.0, 0.0, 0.0)
        east += 360 if east < west else 0
        along, up = np.linspace(west, east, POINTS), np.linspace(south, north, POINTS)
        sides = [(np.full(POINTS, latitude), along) for latitude in (south, north)]
        sides += [(up, np.full(POINTS, longitude)) for longitude in (west, east)]
        return np.concatenate([s[0] for s in sides]), np.concatenate([s[1] for s in sides])


def place_of_words(words: str) -> tuple[float, float]:
    """Latitude and longitude of a place, as options and queries give it: ``48.1,11.6``.

    Raises:
        ContractViolation: It is none.
    """
    latitude, longitude = _numbers(words, 2, "latitude,longitude")
    _check_place(latitude, longitude)
    return latitude, longitude


def _check_place(latitude: float, longitude: float) -> None:
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise _no_region("latitudes must lie in -90..90, longitudes in -180..180 degrees")


def _circle(latitude: float, longitude: float, radius_km: float) -> tuple[Degrees, Degrees]:
    """Points at a distance from a place, on a sphere."""
    azimuth = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
    far, here = radius_km / EARTH_KM, np.deg2rad(latitude)
    north = np.arcsin(np.sin(here) * np.cos(far) + np.cos(here) * np.sin(far) * np.cos(azimuth))
    turn = np.arctan2(
        np.sin(azimuth) * np.sin(far) * np.cos(here), np.cos(far) - np.sin(here) * np.sin(north)
    )
    return np.rad2deg(north), longitude + np.rad2deg(turn)


def _between(centres: NDArray[np.float64], places: NDArray[np.float64], where: str) -> slice:
    """The pixels of an axis between the lowest and the highest place."""
    half = abs(float(centres[1] - centres[0])) / 2
    inside = np.nonzero((centres >= places.min() - half) & (centres <= places.max() + half))[0]
    if not len(inside):
        raise _outside(where)
    return slice(int(inside[0]), int(inside[-1]) + 1)


def _in_blocks(part: slice, length: int, side: int) -> slice:
    """A part of an axis as whole blocks, which begin at the same pixels in every file."""
    stop = -(-part.stop // side) * side
    return slice(part.start // side * side, min(stop, length // side * side))


def _blocks(values: NDArray[Any], side: int) -> NDArray[Any]:
    height, width = values.shape
    return values.reshape(height // side, side, width // side, side)


def _coarser_grid(grid: Grid, side: int) -> Grid:
    y, x = (axis.reshape(-1, side).mean(1) for axis in (grid.y, grid.x))
    if grid.latitude is None or grid.longitude is None:
        return replace(grid, y=y, x=x)
    north, east = (_blocks(part, side) for part in (grid.latitude, grid.longitude))
    first = east[:, :1, :, :1]
    around = first[:, 0, :, 0] + ((east - first + 180) % 360 - 180).mean((1, 3))
    return replace(
        grid,
        y=y,
        x=x,
        latitude=north.mean((1, 3)).astype(np.float32),
        longitude=around.astype(np.float32),
    )


def _numbers(words: str, count: int, what: str) -> list[float]:
    try:
        numbers = [float(word) for word in words.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise _no_region(f"{short(words)!r} must be {what} in degrees")
    return numbers


def _outside(where: str) -> ContractViolation:
    return ContractViolation(f"The region requested lies outside of {where}.", rule="crop")


def _no_region(why: str) -> ContractViolation:
    return ContractViolation(f"No region of an image: {why}.", rule="crop")
