"""Coasts, borders and degrees drawn onto maps, by matplotlib or Pillow.

Every line is dark with a light seam, so that it is seen on dry white and on the darkest rain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from echocast.model.grid import Grid
from echocast.model.plotting.map_lines import MapLines, Mark, Shares, map_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = (45, 45, 45)
SEAM = (255, 255, 255)
SEAM_OPACITY = 0.75
WIDTHS = {"coasts": 0.9, "borders": 0.6, "degrees": 0.4}  # in points
SEAM_WIDER = 1.0  # points
POINT = 100 / 72  # pixels, at the 100 dots per inch of our pictures
FINER = 3  # times, the layer is drawn before it is reduced, which smooths its lines
LETTERS = 11  # height in pixels


def draw_lines(panel: Axes, grid: Grid, *, degrees: bool = False) -> None:
    """Draw the lines of a grid onto its map, where the grid's place is known.

    Args:
        panel: Axes whose map fills them.
        grid: Of the map.
        degrees: Whether lines of latitude and longitude are drawn, too.
    """
    from matplotlib.lines import Line2D

    if (lines := map_lines(grid)) is None:
        return
    for name, (across, down) in _drawn(lines, degrees=degrees):
        for colour, width, opacity in _strokes(name):
            line = Line2D(across, 1 - down, linewidth=width, transform=panel.transAxes)
            line.set(color=np.array(colour) / 255, alpha=opacity)
            panel.add_line(line)


def mark_degrees(panel: Axes, grid: Grid) -> bool:
    """Write degrees along the axes of a map; False where the grid's place is not known."""
    lines = map_lines(grid)
    if lines is None or not (lines.latitudes or lines.longitudes):
        return False
    left, right, bottom, top = panel.get_images()[0].get_extent()
    across = [left + mark.at * (right - left) for mark in lines.longitudes]
    down = [top - mark.at * (top - bottom) for mark in lines.latitudes]
    panel.set_xticks(across, [mark.text for mark in lines.longitudes])
    panel.set_yticks(down, [mark.text for mark in lines.latitudes])
    return True


def line_layer(grid: Grid, size: tuple[int, int]) -> Image.Image | None:
    """The lines and degrees of a grid as a layer to be put over its map; None without a place.

    Args:
        grid: Of the map.
        size: Width and height of the map in pixels.

    Returns:
        A picture with transparency.
    """
    if (lines := map_lines(grid)) is None:
        return None
    layer = Image.new("RGBA", (size[0] * FINER, size[1] * FINER), (*SEAM, 0))
    for name, shares in _drawn(lines, degrees=True):
        for colour, width, opacity in _strokes(name):
            _stroke(layer, shares, (*colour, round(255 * opacity)), round(width * POINT * FINER))
    layer = layer.resize(size, Image.Resampling.BOX)
    _write_marks(layer, lines)
    return layer


def _drawn(lines: MapLines, *, degrees: bool) -> list[tuple[str, Shares]]:
    """Names and shares of the lines, what is drawn first first."""
    names = ("degrees", "borders", "coasts") if degrees else ("borders", "coasts")
    return [(name, getattr(lines, name)) for name in names]


def _strokes(name: str) -> tuple[tuple[tuple[int, int, int], float, float], ...]:
    """Colour, width in points and opacity of the seam, then of the line."""
    width = WIDTHS[name]
    return (SEAM, width + SEAM_WIDER, SEAM_OPACITY), (INK, width, 1.0)


def _stroke(
    layer: Image.Image, shares: Shares, colour: tuple[int, int, int, int], width: int
) -> None:
    pixels = (shares.T * layer.size).astype(np.float64)
    draw = ImageDraw.Draw(layer)
    gaps = np.flatnonzero(np.isnan(pixels).any(axis=1))
    for line in np.split(pixels, gaps):
        points = line[np.isfinite(line).all(axis=1)]
        if len(points) > 1:
            draw.line([tuple(point) for point in points], fill=colour, width=max(1, width))


def _write_marks(layer: Image.Image, lines: MapLines) -> None:
    """Degrees inside of the left and the lower edge."""
    width, height = layer.size
    for mark in lines.latitudes:
        _write(layer, mark, (3, mark.at * height), "lm")
    for mark in lines.longitudes:
        _write(layer, mark, (mark.at * width, height - 3), "mb")


def _write(layer: Image.Image, mark: Mark, at: tuple[float, float], anchor: str) -> None:
    font = ImageFont.load_default(LETTERS)
    draw = ImageDraw.Draw(layer)
    draw.text(at, mark.text, (*INK, 255), font, anchor, stroke_width=2, stroke_fill=(*SEAM, 255))
