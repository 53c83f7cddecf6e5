"""Pictures of a forecast: a sheet of maps (PNG) and a loop (animated WebP)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from echocast.model.forecast import Forecast
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray, Grid
from echocast.model.plotting.colours import (
    HIGHEST_DBZ,
    LOWEST_DBZ,
    TICKS_DBZ,
    colour_map,
    painted,
)
from echocast.model.plotting.line_drawing import draw_lines, mark_degrees
from echocast.model.plotting.north import map_extent, north_up, turn_to_north
from echocast.model.reflectivity import ZR, rate_text
from echocast.model.verification.forecast_scores import Verification

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_COLUMNS = 5
MOST_PIXELS = 500  # along the longer side of a map
TITLE_DBZ = 30.0
LETTERS_PER_INCH = 14  # of the notes, at least
KM = {"m": 1e-3, "km": 1.0}


@dataclass(frozen=True)
class MapRow:
    """A row of maps.

    Args:
        label: What it shows.
        maps: For every column a field (y, x) in dBZ, north up; None: not observed.
    """

    label: str
    maps: Sequence[FloatArray | None]


def forecast_png(
    forecast: Forecast,
    observed: Frames | None = None,
    verification: Verification | None = None,
    inputs: Frames | None = None,
) -> bytes:
    """A sheet of maps: last observed frame, then five leads; observations, extrapolation below.

    Args:
        forecast: What to show.
        observed: Frames at the valid times, shown where they match one; None: no such row.
        verification: Its pooled CSI goes into the caption; None: no scores.
        inputs: Their newest frame is the last observed one; None: as far as the forecast has it,
            missing where there is no forecast.

    Returns:
        A PNG file.
    """
    leads = _leads(forecast)
    rows = _rows(forecast, observed, leads)
    figure, newest, axes = _sheet(forecast.frames.grid, len(rows), len(leads))
    _draw_newest(newest, forecast, inputs)
    draw_rows(axes, rows, [lead_title(forecast, lead) for lead in leads], forecast.frames.grid)
    colour_bar(figure)
    _words(figure, forecast, verification)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def _leads(forecast: Forecast) -> list[int]:
    """Up to five leads from the first to the last."""
    spread = np.linspace(0, len(forecast.frames) - 1, MOST_COLUMNS)
    return [int(lead) for lead in np.unique(spread.round())]


def _rows(forecast: Forecast, observed: Frames | None, leads: list[int]) -> list[MapRow]:
    """One map a lead; the observations stand right below the forecast."""
    model = [_turned(forecast.frames, lead) for lead in leads]
    extrapolated = [_turned(forecast.extrapolation, lead) for lead in leads]
    rows = [MapRow("Forecast", model), MapRow("Extrapolation", extrapolated)]
    observations = [_at(observed, forecast, lead) for lead in leads]
    if any(frame is not None for frame in observations):
        rows.insert(1, MapRow("Observed", observations))
    return rows


def _turned(frames: Frames, index: int) -> FloatArray:
    return north_up(frames.reflectivity_dbz[index], frames.grid)


def _at(observed: Frames | None, forecast: Forecast, lead: int) -> FloatArray | None:
    """The observation of a lead's valid time, to within half a minute."""
    valid_time = forecast.frames.times[lead]
    for index, time in enumerate(observed.times if observed is not None else ()):
        if observed is not None and abs((time - valid_time).total_seconds()) <= 30:
            return _turned(observed, index)
    return None


def _sheet(grid: Grid, rows: int, columns: int) -> tuple[Figure, Axes, Any]:
    """An empty figure, axes for the newest frame, and axes (rows, columns) for the leads."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = grid.shape[::-1] if turn_to_north(grid).transposed else grid.shape
    aspect = float(np.clip(height / width, 0.4, 2.2))
    side = 2.6 if aspect <= 1.2 else 3.1 / aspect
    size = ((columns + 1) * (side + 0.1) + 2.0, rows * (side * aspect + 0.12) + 1.65)
    figure = Figure(figsize=size, facecolor="white")
    FigureCanvasAgg(figure)
    top, bottom = 1 - 0.95 / size[1], 0.65 / size[1]
    left, right = 0.6 / size[0], 1 - 0.95 / size[0]
    split = left + (side + 0.45) / size[0]
    gap = 0.12 / (side * aspect)
    leads = figure.add_gridspec(
        rows, columns, left=split, right=right, top=top, bottom=bottom, wspace=0.04, hspace=gap
    ).subplots(squeeze=False)
    box = leads[0, 0].get_position()
    newest = figure.add_axes((left, box.y0, box.width, box.height))
    return figure, newest, leads


def _draw_newest(panel: Axes, forecast: Forecast, inputs: Frames | None) -> None:
    """The last observed frame, the only map with degrees, or numbers along its axes."""
    grid = forecast.frames.grid
    known = np.fmax.reduce(forecast.persistence.reflectivity_dbz, axis=0)
    newest = known if inputs is None else inputs.reflectivity_dbz[-1]
    draw_placed_map(panel, north_up(newest, grid), grid)
    panel.set_title(f"{_clock(forecast.forecast_reference_time)}  last observed", fontsize=9, pad=4)


def draw_placed_map(panel: Axes, values: FloatArray, grid: Grid) -> None:
    """A map with its lines, and degrees along its axes; without a place km or pixels."""
    scale, (left, right, bottom, top) = KM.get(grid.units, 1.0), map_extent(grid)
    draw_map(panel, values)
    panel.images[0].set_extent((left * scale, right * scale, bottom * scale, top * scale))
    draw_lines(panel, grid, degrees=True)
    panel.tick_params(labelbottom=True, labelleft=True, length=2, labelsize=7)
    if not mark_degrees(panel, grid):
        _number_axes(panel, grid)


def _number_axes(panel: Axes, grid: Grid) -> None:
    """Numbers along the axes of a map, in km, degrees or pixels."""
    from matplotlib.ticker import MaxNLocator

    unit = {"m": "km", "km": "km", "degree": "degrees"}.get(grid.units, "pixels")
    panel.xaxis.set_major_locator(MaxNLocator(nbins=4))  # locator_params would widen the view
    panel.set_xlabel(unit, fontsize=8, labelpad=1)


def draw_rows(axes: Any, rows: Sequence[MapRow], titles: Sequence[str], grid: Grid) -> None:
    """Fill axes (rows, columns) with maps and their lines, titles above the first row."""
    for line, row in zip(axes, rows, strict=True):
        for panel, values in zip(line, row.maps, strict=True):
            panel.set(xticks=[], yticks=[])
            if values is None:
                panel.text(0.5, 0.5, "not observed", ha="center", fontsize=8, color="0.5")
            else:
                draw_map(panel, values)
                draw_lines(panel, grid)
        line[0].set_ylabel(row.label, fontsize=10, weight="bold")
    for panel, title in zip(axes[0], titles, strict=True):
        panel.set_title(title, fontsize=9, pad=4)


def lead_title(forecast: Forecast, lead: int) -> str:
    """Valid time and lead time of a column of maps."""
    return f"{_clock(forecast.frames.times[lead])}  +{forecast.lead_minutes[lead]:g} min"


def _clock(time: datetime) -> str:
    return f"{time:%H:%M}"


def draw_map(panel: Axes, values: FloatArray) -> None:
    """A map whose colours, not values, are averaged where there are more pixels than dots."""
    colours = painted(values)
    shrink = MOST_PIXELS / max(values.shape)
    if shrink < 1:
        colours = np.asarray(
            cv2.resize(colours, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        )
    panel.imshow(colours, interpolation="antialiased", aspect="auto")


def colour_bar(figure: Figure, zr: ZR | None = None) -> None:
    """The palette at the right edge, in dBZ; with a relation also in mm/h, beside it."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    width, height = figure.get_size_inches()
    bar = figure.add_axes((1 - 0.75 / width, 0.65 / height, 0.16 / width, 1 - 1.6 / height))
    scale = ScalarMappable(Normalize(LOWEST_DBZ, HIGHEST_DBZ), colour_map())
    figure.colorbar(scale, cax=bar, ticks=list(TICKS_DBZ))
    bar.tick_params(labelsize=8)
    bar.set_title("dBZ" if zr is None else "dBZ (mm/h)", fontsize=9, pad=6)
    if zr is not None:
        rates = zr.rain_rate_mm_h(TICKS_DBZ)
        bar.set_yticklabels(
            [f"{dbz} ({rate_text(rate)})" for dbz, rate in zip(TICKS_DBZ, rates, strict=True)]
        )


def _words(figure: Figure, forecast: Forecast, verification: Verification | None) -> None:
    width, height = figure.get_size_inches()
    reference = forecast.forecast_reference_time
    title = f"Nowcast from {reference:%Y-%m-%d %H:%M} UTC"
    figure.text(0.18 / width, 1 - 0.33 / height, title, fontsize=14, weight="bold")
    about = f"{forecast.model.name} {forecast.model.version}; times UTC; grey: no data"
    figure.text(0.18 / width, 1 - 0.56 / height, about, fontsize=9, color="0.35")
    figure.text(0.18 / width, 0.2 / height, caption(verification), fontsize=9)
    notes = shorten(" ".join(forecast.quality.values()), int(LETTERS_PER_INCH * width))
    figure.text(0.18 / width, 0.43 / height, notes, fontsize=9, color="#9a3412")


def caption(verification: Verification | None) -> str:
    """One line of pooled CSI at 30 dBZ with its sample size, or that there is none."""
    if verification is None or not sum(verification.frames):
        return "No observations to verify it yet."
    tables = {m: verification.counts.table(m, TITLE_DBZ) for m in verification.counts.methods}
    indices = {method: table.critical_success_index for method, table in tables.items()}
    scores = [f"{m} {'undefined' if np.isnan(csi) else f'{csi:.3f}'}" for m, csi in indices.items()]
    table = next(iter(tables.values()))
    return (
        f"CSI at {TITLE_DBZ:g} dBZ over {sum(verification.frames)} leads: {', '.join(scores)}"
        f"  (n = {table.total} pixels, {table.observed} with {TITLE_DBZ:g} dBZ observed)"
    )
