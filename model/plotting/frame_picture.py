"""A picture of one observed frame, where its pixels are."""

from __future__ import annotations

import io

from echocast.model.frames import Frames
from echocast.model.plotting.north import north_up
from echocast.model.plotting.pictures import colour_bar, draw_placed_map

INCHES = 7.0  # the longer side of the map


def frame_png(frames: Frames) -> bytes:
    """The newest frame as a PNG, north up, with its time and its notes.

    Args:
        frames: At least one.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = frames.grid.shape
    scale = INCHES / max(height, width)
    size = (max(3.0, width * scale) + 1.6, max(3.0, height * scale) + 1.4)
    figure = Figure(figsize=size, facecolor="white")
    FigureCanvasAgg(figure)
    box = (0.6 / size[0], 0.6 / size[1], 1 - 1.6 / size[0], 1 - 1.4 / size[1])
    panel = figure.add_axes(box)
    draw_placed_map(panel, north_up(frames.reflectivity_dbz[-1], frames.grid), frames.grid)
    colour_bar(figure)
    title = f"{frames.times[-1]:%Y-%m-%d %H:%M} UTC"
    figure.text(0.18 / size[0], 1 - 0.35 / size[1], title, fontsize=13, weight="bold")
    about = "grey: no data, white: dry"
    figure.text(0.18 / size[0], 1 - 0.58 / size[1], about, fontsize=9, color="0.35")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()
