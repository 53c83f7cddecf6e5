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
OUTSIDE: Final = -10.0  # pixels
Places = NDArray[np.float32]  # row and column in pixels of a grid, shape (2, height, width)


@dataclass(frozen=True, eq=False)
class Warp:
    """The way from a window of a map to the pixels of an image.

    Args:
        rows: Of the image, those that the window shows; none where it lies elsewhere.
        columns: The same.
        places: Row and column of each pixel of the window, in pixels of that part of the image;
            where the map shows no place of the grid's projection they lie outside of it.
        is_inside: Whether all of them lie between pixels of the image.
    """

    rows: slice
    columns: slice
    places: Places
    is_inside: bool

    @classmethod
    def of(cls, grid: Grid, window: MercatorWindow, sampled: int = 1) -> Warp:
        """The warp of a window.

        Args:
            grid: Where the radar's pixels are; on the earth.
            window: The part of the map.
            sampled: Every how many pixels of the grid the image holds one.
        """
        places = _places(grid, window)
        places /= sampled
        places[~np.isfinite(places)] = OUTSIDE
        ends = np.stack([places.min(axis=(1, 2)), places.max(axis=(1, 2))], axis=1)
        sides = [-(-side // sampled) for side in grid.shape]
        rows, columns = (_span(*one) for one in zip(ends, sides, strict=True))
        places -= np.reshape([rows.start, columns.start], (2, 1, 1)).astype(np.float32)
        is_inside = bool((ends >= 0).all() and (ends[:, 1] <= np.array(sides) - 1).all())
        return cls(rows, columns, places, is_inside)

    def nearest(self, image: ImageFile, layer: str, index: int) -> Codes:
        """Codes of the window, each of the pixel that it lies in."""
        return self._nearest(self._part(image, layer, index))

    def smooth(self, image: ImageFile, layer: str, index: int) -> Codes:
        """The same with values between pixels on straight lines; edges of what is known stay."""
        import cv2

        part = self._part(image, layer, index)
        mixed = self._remapped(part, cv2.INTER_LINEAR)
        if not part.size or (self.is_inside and part.max() <= HIGHEST):
            return mixed
        unknown = np.where(part > HIGHEST, np.uint8(NOT_OBSERVED), np.uint8(0))
        edges = self._remapped(unknown, cv2.INTER_LINEAR) > 0
        np.copyto(mixed, self._nearest(part), where=edges)
        return mixed

    def _part(self, image: ImageFile, layer: str, index: int) -> Codes:
        """What of an image the window shows."""
        if any(span.start >= span.stop for span in (self.rows, self.columns)):
            return np.empty((0, 0), np.uint8)
        return image.plane(layer, index, self.rows, self.columns)

    def _nearest(self, part: Codes) -> Codes:
        import cv2  # which a gateway that shows no map never loads

        return self._remapped(part, cv2.INTER_NEAREST)

    def _remapped(self, part: Codes, interpolation: int) -> Codes:
        """Values of the window; :data:`NOT_OBSERVED` beyond the edges of a part of an image."""
        import cv2

        if not part.size:
            return np.full(self.places.shape[1:], NOT_OBSERVED, np.uint8)
        rows, columns = self.places
        beyond = {"borderMode": cv2.BORDER_CONSTANT, "borderValue": NOT_OBSERVED}
        return np.asarray(cv2.remap(part, columns, rows, interpolation, **beyond), dtype=np.uint8)


def _span(ends: NDArray[np.float32], side: int) -> slice:
    """The pixels along one side of an image that lie around the lowest and the highest place."""
    first, last = np.clip(np.floor(ends) + np.array([0, 2]), 0, side).astype(int)
    even = first - first % 2  # what is halfway between two pixels is then rounded as without a part
    return slice(int(even), int(last))


def _places(grid: Grid, window: MercatorWindow) -> Places:
    """Row and column of all pixels of a window in pixels of the grid, (2, height, width)."""
    nodes = _indices(grid, window, *(_corners(side) for side in (window.height, window.width)))
    is_small = window.east - window.west < LARGEST_MESHED_M
    if is_small and np.isfinite(nodes).all():
        down = _between(nodes.swapaxes(1, 2), window.height).swapaxes(1, 2)
        return np.ascontiguousarray(_between(down, window.width))
    return _indices(grid, window, *(_middles(side) for side in (window.height, window.width)))


def _between(nodes: Places, side: int) -> Places:
    """Values at the middles of pixels along the last axis, from those at every sixteenth edge."""
    share = ((np.arange(MESH) + 0.5) / MESH).astype(np.float32)
    steps = np.diff(nodes)
    places = np.repeat(steps, MESH, axis=-1)
    places *= np.tile(share, steps.shape[-1])
    places += np.repeat(nodes[..., :-1], MESH, axis=-1)
    return places[..., :side]


def _indices(
    grid: Grid, window: MercatorWindow, down: NDArray[np.float64], right: NDArray[np.float64]
) -> Places:
    """Row and column of points of a window in pixels of the grid; not finite off the projection."""
    y, x = _plane(grid, window, down, right)
    return np.stack([_index(grid.y, y), _index(grid.x, x)]).astype(np.float32)


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


def _index(axis: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places along an axis in pixels; its first pixel has its middle at 0."""
    step = (axis[-1] - axis[0]) / (len(axis) - 1)
    places: NDArray[np.float64] = (values - axis[0]) / step
    return places
