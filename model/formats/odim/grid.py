"""Where the pixels of an ODIM_H5 composite are: projection, corners and pixel size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from echocast.model.errors import ContractViolation
from echocast.model.formats.odim.corners import DIAGONALS, Box, Point
from echocast.model.formats.odim.tree import nearest_attributes, number, text
from echocast.model.formats.pixel_grid import pixel_grid
from echocast.model.frames import joined_notes
from echocast.model.grid import KM_PER_DEGREE, Grid
from echocast.model.place.earth import to_plane, turn_of
from echocast.model.place.projection_text import parsed_crs, with_earth_in_metres

ROUND_EARTH = 0.1  # share by which a degree may differ from that, in a pixel's middle latitude


def odim_grid(
    file: h5py.File, dataset: h5py.Group, shape: tuple[int, ...], where: str
) -> tuple[Grid, dict[str, str]]:
    """Pixel centres in the file's projection, row 0 the northernmost.

    Corners are the outer corners of the corner pixels (ODIM_H5 2.1 and later say so, and the
    OPERA files of 2.0 agree), in degrees of WGS 84. Two opposite ones are enough.

    Args:
        file: The open file.
        dataset: The group whose ``where`` is looked at first.
        shape: (height, width) of the data.
        where: Names the file in messages.

    Returns:
        The grid, plain pixels where the file gives neither projection nor corners; and notes, see
        :class:`echocast.model.frames.Frames`.

    Raises:
        ContractViolation: The projection is unknown, or corners and pixel size disagree.
    """
    attributes = _Where(nearest_attributes("where", dataset, file), where)
    projdef, degrees = attributes.given.get("projdef"), attributes.corners()
    if projdef is None or not any(set(pair) <= set(degrees) for pair in DIAGONALS):
        return Grid.of_pixels(shape[0], shape[1]), {}
    crs, earth_note = with_earth_in_metres(parsed_crs(text(projdef)))
    plane = to_plane(crs)
    corners = {n: plane.transform(*c) if plane else c for n, c in degrees.items()}
    box = Box.of_corners(corners, turn_of(crs, plane), where)
    along_x, along_y = _metres_per_degree(box) if crs.is_geographic else (None, None)
    dx, x_note = attributes.side("xscale", box.east - box.west, shape[1], along_x)
    dy, y_note = attributes.side("yscale", box.north - box.south, shape[0], along_y)
    grid = pixel_grid((box.north, box.west), (-dy, dx), (shape[0], shape[1]), crs, where)
    corner_note = box.check(corners, (dx, dy), where)
    return grid, joined_notes([earth_note, x_note, y_note, corner_note])


def _metres_per_degree(box: Box) -> tuple[float, float]:
    """Metres in a degree along x and y, in the middle of a box in degrees."""
    middle = np.deg2rad((box.north + box.south) / 2)
    return 1000 * KM_PER_DEGREE * float(np.cos(middle)), 1000 * KM_PER_DEGREE


@dataclass(frozen=True)
class _Where:
    """What the groups ``where`` of a file say in numbers."""

    given: Mapping[str, Any]
    name: str

    def number(self, attribute: str) -> float | None:
        """An attribute; None where the file has none."""
        value = self.given.get(attribute)
        return None if value is None else number(value, attribute)

    def corners(self) -> dict[str, Point]:
        """(longitude, latitude) of the corners that the file has, by their names."""
        names = [name for diagonal in DIAGONALS for name in diagonal]
        degrees = {n: (self.number(f"{n}_lon"), self.number(f"{n}_lat")) for n in names}
        return {n: (x, y) for n, (x, y) in degrees.items() if x is not None and y is not None}

    def side(
        self, name: str, span: float, count: int, metres: float | None
    ) -> tuple[float, dict[str, str]]:
        """Side of a pixel: as stated, where that agrees with the corners to within one pixel."""
        from_corners, stated = span / count, self.number(name)
        if stated is None:
            return from_corners, {}
        if abs(stated * count - span) <= abs(stated):
            return stated, {}
        if abs(stated / 1000 * count - span) <= abs(stated / 1000):
            return stated / 1000, {}  # in metres, as ODIM wants, in a projection in kilometres
        if metres is not None and abs(stated / (from_corners * metres) - 1) <= ROUND_EARTH:
            sentence = "The pixel size of a grid in degrees is stated in metres; the corners count."
            return from_corners, {"place": sentence}
        raise ContractViolation(
            f"Corners and pixel size of {self.name} disagree: {count} pixels of {name}"
            f" {stated:g} are not {span:g}.",
            rule="grid",
        )
