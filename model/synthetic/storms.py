"""Synthetic storms: artificial rain for demos, tests and the first steps of training.

Stratiform rain is a power-law random field carried along by a drifting, turning wind; its small
scales live shorter than its large ones. Convective cells fall off exponentially in rain rate with
distance (the EXCELL model of Capsoni et al., 1987), which is linear in dBZ; each is born, grows,
turns and decays. Nothing here is an observation, and the attributes of the frames say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
from numpy.typing import NDArray

from echocast.model.frames import Frames
from echocast.model.grid import FloatArray, Grid
from echocast.model.synthetic.texture import Scale, Texture, Wind, rotation

NO_RAIN_DBZ = -32.0
WEAKEST_ECHO_DBZ = 2.0
STRONGEST_ECHO_DBZ = 57.0
START = datetime(2026, 7, 1, 12, tzinfo=UTC)
CRS = {
    "grid_mapping_name": "lambert_azimuthal_equal_area",
    "latitude_of_projection_origin": 50.0,
    "longitude_of_projection_origin": 8.0,
    "false_easting": 0.0,
    "false_northing": 0.0,
    "semi_major_axis": 6378137.0,
    "inverse_flattening": 298.257223563,
}
ATTRIBUTES = {
    "title": "Synthetic storm",
    "source": "synthetic: random storm drawn by Echocast, not an observation",
}


@dataclass(frozen=True)
class _Cells:
    """Convective cells, arrays of length n; places and sizes in pixels, times in steps."""

    place: NDArray[np.float64]
    birth: NDArray[np.float64]
    lifetime: NDArray[np.float64]
    peak_dbz: NDArray[np.float64]
    radius: NDArray[np.float64]
    elongation: NDArray[np.float64]
    angle: NDArray[np.float64]
    spin: NDArray[np.float64]
    own_motion: NDArray[np.float64]


def storm(
    seed: int,
    *,
    frames: int = 20,
    height: int = 256,
    width: int = 256,
    step_minutes: float = 6.0,
    pixel_km: float = 1.0,
    coverage_radius_km: float | None = None,
    start: datetime = START,
) -> Frames:
    """Draw a storm: drifting, growing, decaying, turning cells over stratiform rain.

    Args:
        seed: The same seed and settings give the same storm.
        frames: Number of frames.
        height: Rows of pixels.
        width: Columns of pixels.
        step_minutes: Time between frames, in minutes.
        pixel_km: Side of a pixel, in km.
        coverage_radius_km: Pixels farther than this from the centre are missing; None: none are.
        start: Valid time of the first frame, UTC.

    Returns:
        Frames (time, y, x) of 2 to 57 dBZ, with -32 dBZ where there is no rain.
    """
    random = np.random.default_rng(seed)
    scale = Scale(step_minutes, pixel_km)
    wind = _draw_wind(random, scale)
    cells = _draw_cells(random, (frames, height, width), scale)
    texture = Texture.draw(random, max(height, width), frames, scale)
    level, trend = random.uniform(-12, 16), random.uniform(-6, 6)
    values = np.empty((frames, height, width), np.float32)
    for step in range(frames):
        hours = step * step_minutes / 60
        wide, fine, sway = texture.at(hours, wind, step, (height, width))
        values[step] = _sum_dbz(
            _flatten(wide + np.float32(level + trend * hours)),
            _sway(_convection(cells, wind, step, (height, width)), sway),
        )
        values[step] += fine
    return Frames(
        _finish(values, None if coverage_radius_km is None else coverage_radius_km / pixel_km),
        tuple(start + timedelta(minutes=step_minutes) * step for step in range(frames)),
        _grid(height, width, pixel_km),
        NO_RAIN_DBZ,
        {**ATTRIBUTES, "comment": f"seed {seed}"},
    )


def _grid(height: int, width: int, pixel_km: float) -> Grid:
    """Pixel centres in metres around the origin of a projection; row 0 is the northernmost."""
    y = (np.float64(height - 1) / 2 - np.arange(height)) * pixel_km * 1000
    x = (np.arange(width) - np.float64(width - 1) / 2) * pixel_km * 1000
    return Grid(y=y, x=x, units="m", crs=CRS)


def _draw_wind(random: np.random.Generator, scale: Scale) -> Wind:
    """A drift of 3 to 20 m/s in any direction, turning by up to 20 degrees an hour."""
    speed = random.uniform(3, 20) * scale.pixels_per_step
    direction = random.uniform(0, 2 * np.pi)
    drift = speed * np.array([np.sin(direction), np.cos(direction)])
    return Wind(drift, float(np.deg2rad(random.uniform(-20, 20)) * scale.step_minutes / 60))


def _draw_cells(random: np.random.Generator, shape: tuple[int, int, int], scale: Scale) -> _Cells:
    """About one cell in 700 km2 of the wider surroundings, gathered in clusters and bands."""
    frames, height, width = shape
    half = np.array([height, width]) * 0.8
    count = max(4, random.poisson(half[0] * half[1] * 4 * scale.pixel_km**2 / 700))
    centres = random.uniform(-half, half, (max(1, count // 9), 2))
    scatter = random.normal(0, random.uniform(10, 30) / scale.pixel_km, (count, 2))
    band = np.array([[1.0], [random.uniform(0.25, 1)]]) * rotation(random.uniform(0, np.pi))
    lifetime = random.uniform(25, 110, count) / scale.step_minutes
    return _Cells(
        place=centres[random.integers(len(centres), size=count)] + scatter @ band,
        birth=random.uniform(-lifetime, frames),
        lifetime=lifetime,
        peak_dbz=30 + 30 * random.beta(1.6, 1.9, count),
        radius=random.uniform(1.2, 4.5, count) / scale.pixel_km,
        elongation=random.uniform(1, 1.8, count),
        angle=random.uniform(0, np.pi, count),
        spin=random.normal(0, 0.4, count) * scale.step_minutes / 60,
        own_motion=random.normal(0, 1.5, (count, 2)) * scale.pixels_per_step,
    )


def _flatten(stratiform: FloatArray) -> FloatArray:
    """Light rain above 30 dBZ rises three times more slowly: showers are drawn as cells."""
    risen = 30 + (stratiform - 30) * np.float32(0.3)
    return np.asarray(np.minimum(stratiform, risen), dtype=np.float32)


def _convection(cells: _Cells, wind: Wind, step: int, shape: tuple[int, int]) -> FloatArray:
    """Reflectivity in dBZ of all cells alive at ``step``, shape (y, x)."""
    frame = np.full(shape, NO_RAIN_DBZ, np.float32)
    age = (step - cells.birth) / cells.lifetime
    peak = cells.peak_dbz - 30 * (1 - np.sin(np.pi * np.clip(age, 0, 1)) ** 0.7)
    place = wind.carry(cells.place, step) + cells.own_motion * step + (np.array(shape) - 1) / 2
    angle = cells.angle + (cells.spin + wind.turn) * step
    for cell in np.flatnonzero((age > 0) & (age < 1)):
        reach = int(np.ceil(8 * cells.radius[cell] * cells.elongation[cell]))
        window = _window(place[cell], reach, shape)
        distance = _distance(place[cell], window, angle[cell], cells.elongation[cell])
        distance /= np.float32(cells.radius[cell])
        echo = np.float32(peak[cell]) - 6 * distance - np.float32(0.7) * distance**2
        frame[window] = _sum_dbz(frame[window], echo)
    return frame


def _sway(frame: FloatArray, offset: tuple[FloatArray, FloatArray]) -> FloatArray:
    """A frame whose pixels are displaced by smooth offsets (y, x) in pixels: ragged outlines."""
    y, x = np.indices(frame.shape, dtype=np.float32)
    swayed = cv2.remap(
        frame, x + offset[1], y + offset[0], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(swayed, dtype=np.float32)


def _window(place: NDArray[np.float64], reach: int, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns within ``reach`` of a place, cut at the edges of the frame."""
    low = np.clip(np.floor(place).astype(int) - reach, 0, shape)
    high = np.clip(np.ceil(place).astype(int) + reach, 0, shape)
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def _distance(
    place: NDArray[np.float64], window: tuple[slice, slice], angle: float, elongation: float
) -> FloatArray:
    """Elliptical distance of a window's pixels from a cell's core, rounded off at the core."""
    y = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - place[0]
    x = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None] - place[1]
    along = (np.cos(angle) * y + np.sin(angle) * x) / elongation
    across = (np.cos(angle) * x - np.sin(angle) * y) * elongation**0.5
    distance: FloatArray = np.sqrt(along**2 + across**2 + 1).astype(np.float32)
    return distance


def _sum_dbz(first: FloatArray, second: FloatArray) -> FloatArray:
    """Reflectivity factors add: 10 log10(10^(a/10) + 10^(b/10))."""
    tenth = np.float32(np.log(10) / 10)
    return np.asarray(np.logaddexp(first * tenth, second * tenth) / tenth, dtype=np.float32)


def _finish(values: FloatArray, coverage_radius: float | None) -> FloatArray:
    """Cap the strongest echoes, dry the weakest, and hide what lies outside coverage (pixels)."""
    np.minimum(values, STRONGEST_ECHO_DBZ, out=values)
    values[values < WEAKEST_ECHO_DBZ] = NO_RAIN_DBZ
    if coverage_radius is not None:
        rows, columns = (np.arange(n) - (n - 1) / 2 for n in values.shape[1:])
        values[:, np.hypot(rows[:, None], columns[None]) > coverage_radius] = np.nan
    return values
