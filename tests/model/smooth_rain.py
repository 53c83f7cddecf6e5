"""Smooth cells of rain that move, as simple as can be."""

from __future__ import annotations

import numpy as np

from echocast.model.grid import FloatArray

SIDE, STEP = 128, 5
CELLS = ((30, 34, 9), (52, 88, 12), (84, 40, 10), (96, 92, 7))  # row, column, radius in pixels


def rain(
    count: int = 10,
    speed: float = 1.5,
    cells: tuple[tuple[int, int, int], ...] = CELLS,
    peak: float = 45,
) -> FloatArray:
    """Smooth cells that move to the right, (time, y, x) in dBZ; 0 where dry."""
    y, x = np.mgrid[:SIDE, :SIDE]
    frames = np.zeros((count, SIDE, SIDE), np.float32)
    for k, frame in enumerate(frames):
        for row, column, radius in cells:
            distance = (y - row) ** 2 + (x - column - speed * k) ** 2
            np.maximum(frame, peak - 12 * distance / radius**2, out=frame)
    return np.where(frames < 5, 0, frames).astype(np.float32)
