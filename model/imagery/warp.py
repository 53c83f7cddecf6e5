"""Which pixel of a grid each pixel of a map shows.

The projection is asked for every sixteenth pixel only; between them, coordinates follow straight
lines. For windows of a few hundred kilometres that is off by some hundredths of a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from echocast.model.grid import Grid
from echocast.model.imagery.codes import HIGHEST, NOT_OBSERVED, Codes
from echocast.model.imagery.image_file import ImageFile
from echocast.model.imagery.mercator import RADIUS_M, MercatorWindow, latitude_of

MESH: Final = 16  # pixels
LARGEST_MESHED_M: Final = 2e6  # across a window; in wider ones the lines bend
Places = NDArray[np.float32]  # row and column in pixels of a grid, shape (2, height, width)


@dataclass(frozen=True, eq=False)
class Warp:
    """The way from a window of a map to the pixels of an image.

    Args:
        places: Row and column of each pixel of the window, in pixels of the image; not finite where
            the map shows no place of the grid's projection.
        shape: Height and width of the image.
    """

    places: Places
    shape: tuple[int, int]

    @classmethod
    def of(cls, grid: Grid, window: MercatorWindow, sampled: int = 1) -> Warp:
        """The warp of a window.

        Args:
            grid: Where the radar's pixels are; on the earth.
            window: The part of the map.
            sampled: Every how many pixels of the grid the image holds one.
        """
        y, x = _coordinates(grid, window)
        places = np.stack([_index(grid.y, y), _index(grid.x, x)]) / sampled
        height, width = (-(-side // sampled) for side in grid.shape)
        return cls(places.astype(np.float32), (height, width))

    def nearest(self, image: ImageFile, layer: str, index: int) -> Codes:
        """Codes of the window, each of the pixel that it lies in."""
        rows, columns = self._pixels(np.rint(self.places))
        inside = (rows >= 0) & (columns >= 0)
        if not inside.any():
            return np.full(inside.shape, NOT_OBSERVED, np.uint8)
        window, first = _covering(image, layer, index, rows[inside], columns[inside])
        codes = np.full(inside.shape, NOT_OBSERVED, np.uint8)
        codes[inside] = window[rows[inside] - first[0], columns[inside] - first[1]]
        return codes

    def smooth(self, image: ImageFile, layer: str, index: int) -> Codes:
        """The same with values between pixels on straight lines; edges of what is known stay."""
        nearest = self.nearest(image, layer, index)
        rows, columns = self._pixels(np.floor(self.places))
        height, width = self.shape
        inside = (rows >= 0) & (columns >= 0) & (rows < height - 1) & (columns < width - 1)
        if not inside.any():
            return nearest
        rows, columns = rows[inside], columns[inside]
        window, first = _covering(image, layer, index, rows, columns, beyond=1)
        rows, columns = rows - first[0], columns - first[1]
        down, right = (axis[inside] - np.floor(axis[inside]) for axis in self.places)
        corners = [window[rows + i, columns + j] for i, j in ((0, 0), (0, 1), (1, 0), (1, 1))]
        upper = corners[0] * (1 - right) + corners[1] * right
        lower = corners[2] * (1 - right) + corners[3] * right
        known = np.max(corners, axis=0) <= HIGHEST
        mixed = np.rint(upper * (1 - down) + lower * down)
        nearest[inside] = np.where(known, mixed, nearest[inside]).astype(np.uint8)
        return nearest

    def _pixels(self, places: Places) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns as whole numbers; -1 outside of the image."""
        limits = np.asarray(self.shape, np.float32).reshape(2, 1, 1)
        with np.errstate(invalid="ignore"):
            inside = ((places >= 0) & (places < limits)).all(axis=0)
        rows, columns = np.where(inside, places, -1).astype(np.intp)
        return rows, columns


def _covering(
    image: ImageFile,
    layer: str,
    index: int,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    beyond: int = 0,
) -> tuple[Codes, tuple[int, int]]:
    """The smallest window of an image with all of some pixels, and its first row and column."""
    spans = [(int(axis.min()), int(axis.max()) + 1 + beyond) for axis in (rows, columns)]
    window = image.plane(layer, index, slice(*spans[0]), slice(*spans[1]))
    return window, (spans[0][0], spans[1][0])


def _coordinates(
    grid: Grid, window: MercatorWindow
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """y and x of all pixels of a window in the grid's own coordinates."""
    nodes = _plane(grid, window, *(_corners(side) for side in (window.height, window.width)))
    is_small = window.east - window.west < LARGEST_MESHED_M
    if is_small and all(np.isfinite(axis).all() for axis in nodes):
        down, right = (_weights(side) for side in (window.height, window.width))
        return down @ nodes[0] @ right.T, down @ nodes[1] @ right.T
    return _plane(grid, window, *(_middles(side) for side in (window.height, window.width)))


def _plane(
    grid: Grid, window: MercatorWindow, down: NDArray[np.float64], right: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """y and x of points of a window, given in its pixels; not finite off the projection."""
    assert grid.earth is not None, "a grid without a place on earth has no map"
    y = window.north - down * ((window.north - window.south) / window.height)
    x = window.west + right * ((window.east - window.west) / window.width)
    places = np.meshgrid(latitude_of(y), np.rad2deg(x / RADIUS_M), indexing="ij")
    return grid.earth.plane(*places, float(grid.x.mean()))


def _corners(side: int) -> NDArray[np.float64]:
    """Corners of squares of pixels along one side."""
    return np.arange(-(-side // MESH) + 1, dtype=np.float64) * MESH


def _middles(side: int) -> NDArray[np.float64]:
    return np.arange(side, dtype=np.float64) + 0.5


def _weights(side: int) -> NDArray[np.float64]:
    """How much each corner gives to each pixel along one side, (side, corners)."""
    apart = np.abs(_middles(side)[:, None] - _corners(side)) / MESH
    weights: NDArray[np.float64] = np.maximum(0.0, 1.0 - apart)
    return weights


def _index(axis: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places along an axis in pixels; its first pixel has its middle at 0."""
    step = (axis[-1] - axis[0]) / (len(axis) - 1)
    places: NDArray[np.float64] = (values - axis[0]) / step
    return places
