"""Where the pixels of an ODIM_H5 composite are: projection, corners and pixel size."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from echocast.model.errors import ContractViolation
from echocast.model.formats.grid_checks import checked_grid
from echocast.model.formats.odim_tree import look_up, number, text
from echocast.model.formats.projections import cf_attributes
from echocast.model.frames import Grid
from echocast.model.projection_text import parsed_crs

CORNERS = ("UL", "LR")


def odim_grid(
    file: h5py.File, dataset: h5py.Group, shape: tuple[int, ...], where: str
) -> tuple[Grid, dict[str, str]]:
    """Pixel centres in the file's projection, row 0 the northernmost.

    Corners are the outer corners of the corner pixels (ODIM_H5 2.1 and later say so, and the
    OPERA files of 2.0 agree).

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
    projdef = look_up("where", "projdef", dataset, file)
    corners = [_corner(file, dataset, corner) for corner in CORNERS]
    if projdef is None or None in corners:
        return Grid.of_pixels(shape[0], shape[1]), {}
    crs = parsed_crs(text(projdef))
    (x0, y0), (x1, y1) = _projected(crs, [corner for corner in corners if corner is not None])
    if not np.isfinite([x0, y0, x1, y1]).all() or x1 <= x0 or y1 >= y0:
        raise ContractViolation(
            f"The corners of {where} must span a grid from north-west to south-east, but in its"
            f" projection they lie at ({x0:g}, {y0:g}) and ({x1:g}, {y1:g}).",
            rule="grid",
        )
    x = x0 + (np.arange(shape[1]) + 0.5) * _side(file, dataset, "xscale", x1 - x0, shape[1], where)
    y = y0 - (np.arange(shape[0]) + 0.5) * _side(file, dataset, "yscale", y0 - y1, shape[0], where)
    units = "degree" if crs.is_geographic else str(crs.axis_info[0].unit_name)
    return checked_grid(np.round(y, 6), np.round(x, 6), units, cf_attributes(crs), where), {}


def _corner(file: h5py.File, dataset: h5py.Group, corner: str) -> tuple[float, float] | None:
    """(longitude, latitude) of a corner, where the file has it."""
    names = (f"{corner}_lon", f"{corner}_lat")
    longitude, latitude = (look_up("where", name, dataset, file) for name in names)
    if longitude is None or latitude is None:
        return None
    return number(longitude, names[0]), number(latitude, names[1])


def _projected(crs: Any, corners: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Corners in the units of the projection, (x, y)."""
    from pyproj import Transformer

    if crs.is_geographic:
        return corners
    to_plane = Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)
    return [to_plane.transform(*corner) for corner in corners]


def _side(
    file: h5py.File, dataset: h5py.Group, name: str, span: float, count: int, where: str
) -> float:
    """Side of a pixel: as stated, where that agrees with the corners to within one pixel."""
    from_corners = span / count
    stated = look_up("where", name, dataset, file)
    if stated is None:
        return from_corners
    side = number(stated, name)
    if abs(side * count - span) <= abs(side):
        return side
    if abs(side / 1000 * count - span) <= abs(side / 1000):
        return side / 1000  # stated in metres, as ODIM wants, in a projection in kilometres
    raise ContractViolation(
        f"Corners and pixel size of {where} disagree: {count} pixels of {name} {side:g} are not"
        f" {span:g}.",
        rule="grid",
    )
