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
        places: Row and column of each pixel of the window, in pixels of the image; where the map
            shows no place of the grid's projection they lie outside of every image.
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
        places = _places(grid, window)
        places /= sampled
        places[~np.isfinite(places)] = OUTSIDE
        height, width = (-(-side // sampled) for side in grid.shape)
        return cls(places, (height, width))

    def nearest(self, image: ImageFile, layer: str, index: int) -> Codes:
        """Codes of the window, each of the pixel that it lies in."""
        import cv2  # which a gateway that shows no map never loads

        part, first = self._covering(image, layer, index)
        return _remapped(part, np.rint(self.places) - first, cv2.INTER_NEAREST)

    def smooth(self, image: ImageFile, layer: str, index: int) -> Codes:
        """The same with values between pixels on straight lines; edges of what is known stay."""
        import cv2

        part, first = self._covering(image, layer, index)
        nearest = _remapped(part, np.rint(self.places) - first, cv2.INTER_NEAREST)
        if not part.size:
            return nearest
        places = self.places - first
        unknown = np.where(part > HIGHEST, np.uint8(NOT_OBSERVED), np.uint8(0))
        edges = _remapped(unknown, places, cv2.INTER_LINEAR) > 0
        mixed = _remapped(part, places, cv2.INTER_LINEAR)
        np.copyto(mixed, nearest, where=edges)
        return mixed

    def _covering(self, image: ImageFile, layer: str, index: int) -> tuple[Codes, Places]:
        """The part of an image that the window shows, and its first row and column, (2, 1, 1)."""
        lowest, highest = (np.floor(ends(self.places, axis=(1, 2))) for ends in (np.min, np.max))
        first = np.clip(lowest, 0, self.shape).astype(int)
        last = np.clip(highest + 2, first, self.shape).astype(int)
        if (first >= last).any():
            return np.empty((0, 0), np.uint8), self.places[:, :1, :1]
        rows, columns = (slice(*span) for span in zip(first, last, strict=True))
        part = image.plane(layer, index, rows, columns)
        return part, first.astype(np.float32)[:, None, None]


def _remapped(part: Codes, places: Places, interpolation: int) -> Codes:
    """Values at some places of a part of an image; :data:`NOT_OBSERVED` beyond its edges."""
    import cv2

    if not part.size:
        return np.full(places.shape[1:], NOT_OBSERVED, np.uint8)
    rows, columns = places
    beyond = {"borderMode": cv2.BORDER_CONSTANT, "borderValue": NOT_OBSERVED}
    return np.asarray(cv2.remap(part, columns, rows, interpolation, **beyond), dtype=np.uint8)


def _places(grid: Grid, window: MercatorWindow) -> Places:
    """Row and column of all pixels of a window in pixels of the grid, (2, height, width)."""
    nodes = _indices(grid, window, *(_corners(side) for side in (window.height, window.width)))
    is_small = window.east - window.west < LARGEST_MESHED_M
    if is_small and np.isfinite(nodes).all():
        down = _between(nodes, window.height)
        return np.ascontiguousarray(_between(down.swapaxes(1, 2), window.width).swapaxes(1, 2))
    return _indices(grid, window, *(_middles(side) for side in (window.height, window.width)))


def _between(nodes: Places, side: int) -> Places:
    """Values at the middles of pixels, from those at every sixteenth edge of (2, edges, n)."""
    share = ((np.arange(MESH) + 0.5) / MESH).astype(np.float32)[:, None]
    first, step = nodes[:, :-1, None], np.diff(nodes, axis=1)[:, :, None]
    return (first + share * step).reshape(2, -1, nodes.shape[2])[:, :side]


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
