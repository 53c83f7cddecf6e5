"""Rain around a place in the shape of Bright Sky's ``/radar``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

import numpy as np

from echocast.model.errors import ContractViolation, short
from echocast.model.grid import Grid
from echocast.model.outlook.pixel import grid_pixel
from echocast.service.http.schemas import Answer
from echocast.service.streams.places import WindowTime

MOST_PIXELS: Final = 600 * 600  # of one answer, each time
Bbox = tuple[int, int, int, int]


class BrightSkyRecord(Answer):
    """Rain of one time."""

    timestamp: datetime
    source: str
    """Stream and valid time of the image that it comes from."""
    precipitation_5: str | list[list[int | None]]
    """In .01 mm within five minutes; missing is null, in strings 65535."""


class BrightSkyRadar(Answer):
    """The newest image and the forecast, as Bright Sky answers them."""

    radar: list[BrightSkyRecord]
    geometry: dict[str, Any]
    """Corners as [longitude, latitude]: of the first row and column, of the last row, and round."""
    bbox: list[int]
    """First row, first column, last row, last column; edges are inclusive."""
    latlon_position: dict[str, float] | None
    """Where the place is within that: x along columns, y along rows."""


@dataclass(frozen=True)
class RadarWindow:
    """A part of a grid.

    Args:
        grid: The grid.
        bbox: First row, first column, last row, last column.
        place: Row and column of the place that was asked for, which are not whole; None: none was.
    """

    grid: Grid
    bbox: Bbox
    place: tuple[float, float] | None = None

    def answer(
        self, stream: str, records: Sequence[WindowTime], zone: tzinfo | None
    ) -> BrightSkyRadar:
        """The answer with those records, times in a zone."""
        top, left, _, _ = self.bbox
        return BrightSkyRadar(
            radar=[
                BrightSkyRecord(
                    timestamp=one.time.astimezone(zone or UTC),
                    source=f"ECHOCAST::{stream}::{one.reference.isoformat()}",
                    precipitation_5=one.rain,
                )
                for one in records
            ],
            geometry={"type": "Polygon", "coordinates": self._corners()},
            bbox=list(self.bbox),
            latlon_position=self.place and {"x": self.place[1] - left, "y": self.place[0] - top},
        )

    def _corners(self) -> list[list[float]]:
        top, left, bottom, right = self.bbox
        pixels = [(top, left), (bottom, left), (bottom, right), (top, right)]
        return [[round(number, 5) for number in _degrees(self.grid, *one)] for one in pixels]


def window_around(grid: Grid, latitude: float, longitude: float, distance_m: float) -> RadarWindow:
    """The part of a grid that reaches so far to each side of a place.

    Raises:
        ContractViolation: The place is outside the grid, the grid has no place on earth, or it is
        too large a part.
    """
    row, column = grid_pixel(grid, latitude, longitude)
    reach = int(distance_m / 1000 / (grid.pixel_size_km or 1))
    height, width = grid.shape
    bbox = (
        max(0, row - reach),
        max(0, column - reach),
        min(height - 1, row + reach),
        min(width - 1, column + reach),
    )
    return RadarWindow(grid, _checked(bbox), _exactly(grid, latitude, longitude, row, column))


def window_of_box(grid: Grid, text: str | None) -> RadarWindow:
    """The part of a grid that four numbers name, such as ``100,100,300,300``; else all of it.

    Raises:
        ContractViolation: They name none, or too large a one.
    """
    height, width = grid.shape
    if text is None:
        return RadarWindow(grid, _checked((0, 0, height - 1, width - 1)))
    try:
        top, left, bottom, right = map(int, text.split(","))
    except ValueError:
        top = left = bottom = right = -1
    if not (0 <= top <= bottom < height and 0 <= left <= right < width):
        raise ContractViolation(
            f"bbox is top, left, bottom and right in pixels of {height} rows and {width} columns,"
            f" not {short(text)!r}.",
            rule="bbox",
        )
    return RadarWindow(grid, _checked((top, left, bottom, right)))


def _checked(bbox: Bbox) -> Bbox:
    top, left, bottom, right = bbox
    if (pixels := (bottom - top + 1) * (right - left + 1)) > MOST_PIXELS:
        raise ContractViolation(
            f"{pixels} pixels are asked for, and {MOST_PIXELS} are answered at once: ask for a"
            " smaller distance, or a bbox.",
            rule="window",
        )
    return bbox


def _exactly(
    grid: Grid, latitude: float, longitude: float, row: int, column: int
) -> tuple[float, float]:
    """Row and column of a place between the pixels' centres, as far as the grid says."""
    if grid.earth is None:
        return float(row), float(column)
    y, x = grid.earth.coordinates(latitude, longitude, float(grid.x.mean()))
    down, along = float(grid.y[1] - grid.y[0]), float(grid.x[1] - grid.x[0])
    return float((y - grid.y[0]) / down), float((x - grid.x[0]) / along)


def _degrees(grid: Grid, row: int, column: int) -> tuple[float, float]:
    """Longitude and latitude of a pixel's centre."""
    if grid.earth is None and grid.latitude is not None and grid.longitude is not None:
        return float(grid.longitude[row, column]), float(grid.latitude[row, column])
    if grid.earth is None:
        raise ContractViolation("The stream's grid does not say where it is.", rule="place")
    latitude, longitude = grid.earth.degrees(grid.y[row], grid.x[column])
    return float(np.asarray(longitude)), float(np.asarray(latitude))
