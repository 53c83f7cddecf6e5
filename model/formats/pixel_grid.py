"""A grid from its outer corner and the sides of its pixels, as agencies describe theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echocast.model.formats.grid_checks import centres, checked_grid
from echocast.model.formats.projections import cf_attributes
from echocast.model.grid import Grid
from echocast.model.place.projection_text import parsed_crs

if TYPE_CHECKING:
    from pyproj import CRS


def pixel_grid(
    corner: tuple[float, float],
    pixel: tuple[float, float],
    shape: tuple[int, int],
    crs: CRS | str,
    where: str,
    units: str | None = None,
) -> Grid:
    """The grid of an image.

    Args:
        corner: y and x of the outer corner of the first pixel.
        pixel: Its sides along y and x; negative where coordinates fall.
        shape: Rows and columns.
        crs: The projection, or its text.
        where: Names the file in messages.
        units: Of the coordinates; None: those of the projection.

    Raises:
        InputTooLarge: There are too many pixels.
        ContractViolation: The projection is unknown, or the numbers make no grid.
    """
    crs = parsed_crs(crs) if isinstance(crs, str) else crs
    y, x = (centres(*axis) for axis in zip(corner, pixel, shape, strict=True))
    own = "degree" if crs.is_geographic else str(crs.axis_info[0].unit_name)
    return checked_grid(y, x, units or own, cf_attributes(crs), where)
