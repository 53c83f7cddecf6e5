"""Maps of one case: forecasts and observation side by side, with coasts, borders and one legend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from echocast.model.forecast import Forecast
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.plotting.north import north_up, turn_to_north
from echocast.model.plotting.pictures import MapRow, colour_bar, draw_rows, lead_title
from echocast.model.reflectivity import ZR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEADS = 4
SIDE = 2.5  # inches, the width of a map
HEAD, FOOT, LEFT, RIGHT = 0.35, 0.1, 0.35, 1.25  # inches around the maps


def case_maps(
    forecast: Forecast, observed: Frames, others: Mapping[str, FloatArray] | None = None
) -> Figure:
    """Forecast, observed, extrapolation and other methods at four leads, in the radar palette.

    Args:
        forecast: What was forecast.
        observed: At its valid times.
        others: Further rows by name, each (lead, height, width) in dBZ.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    grid = forecast.frames.grid
    leads = np.unique(np.linspace(0, len(forecast.frames) - 1, LEADS).round()).astype(int)
    shown = {
        "Forecast": forecast.frames.reflectivity_dbz,
        "Observed": observed.reflectivity_dbz,
        "Extrapolation": forecast.extrapolation.reflectivity_dbz,
        **(others or {}),
    }
    rows = [
        MapRow(name, [north_up(values[lead], grid) for lead in leads])
        for name, values in shown.items()
    ]
    height, width = grid.shape[::-1] if turn_to_north(grid).transposed else grid.shape
    tall = SIDE * float(np.clip(height / width, 0.4, 2.2))
    size = len(leads) * SIDE + LEFT + RIGHT, len(rows) * (tall + 0.08) + HEAD + FOOT
    figure = Figure(figsize=size, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_gridspec(
        len(rows),
        len(leads),
        left=LEFT / size[0],
        right=1 - RIGHT / size[0],
        top=1 - HEAD / size[1],
        bottom=FOOT / size[1],
        wspace=0.03,
        hspace=0.08 / tall,
    ).subplots(squeeze=False)
    draw_rows(axes, rows, [lead_title(forecast, int(lead)) for lead in leads], grid)
    colour_bar(figure, ZR.of_attributes(observed.attributes))
    return figure
