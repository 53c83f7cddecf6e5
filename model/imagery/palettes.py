"""Colours of codes: tables of 256 colours with transparency.

Dry pixels are transparent; what was not observed, and what can't be traced, is tinted grey: it must
not look dry. Sources: the project's own colours; the reflectivity colours of the National Weather
Service of the USA (WSR-88D level III, in steps of 5 dBZ).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from echocast.model.imagery.codes import (
    HIGHEST,
    LOWEST_DBZ,
    NOT_OBSERVED,
    NOT_TRACEABLE,
    STEPS_A_DBZ,
)
from echocast.model.plotting.colours import ANCHORS

Palette = NDArray[np.uint8]  # red, green, blue, opacity; shape (256, 4)

LOWEST_SHOWN_DBZ: Final = 5.0
TINT, UNTRACEABLE_TINT = (120, 120, 128, 72), (120, 120, 160, 40)
GREYS: Final = ((5.0, (0.82, 0.82, 0.82)), (70.0, (0.0, 0.0, 0.0)))
NWS: Final = (
    (5, 0x04E9E7),
    (10, 0x019FF4),
    (15, 0x0300F4),
    (20, 0x02FD02),
    (25, 0x01C501),
    (30, 0x008E00),
    (35, 0xFDF802),
    (40, 0xE5BC00),
    (45, 0xFD9500),
    (50, 0xFD0000),
    (55, 0xD40000),
    (60, 0xBC0000),
    (65, 0xF800FD),
    (70, 0x9854C6),
)
Anchor = tuple[float, tuple[float, float, float]]


def gradual(anchors: Sequence[Anchor]) -> Palette:
    """Colours on straight lines between anchors in dBZ, each red, green and blue in 0..1."""
    at, places = _dbz(), [place for place, _ in anchors]
    channels = [np.interp(at, places, [rgb[c] for _, rgb in anchors]) for c in range(3)]
    return _palette(np.rint(np.stack(channels, axis=1) * 255).astype(np.uint8))


def stepped(steps: Sequence[tuple[float, int]]) -> Palette:
    """One colour (0xRRGGBB) from each value in dBZ up to the next."""
    colours = np.array([[c >> 16, c >> 8 & 255, c & 255] for _, c in steps], np.uint8)
    index = np.searchsorted([place for place, _ in steps], _dbz(), side="right") - 1
    return _palette(colours[np.maximum(index, 0)])


def _dbz() -> NDArray[np.float64]:
    return np.arange(HIGHEST + 1) / STEPS_A_DBZ + LOWEST_DBZ


def _palette(colours: NDArray[np.uint8]) -> Palette:
    table = np.zeros((256, 4), np.uint8)
    table[: HIGHEST + 1, :3] = colours
    table[: HIGHEST + 1, 3] = np.where(_dbz() >= LOWEST_SHOWN_DBZ, 255, 0)
    table[NOT_TRACEABLE], table[NOT_OBSERVED] = UNTRACEABLE_TINT, TINT
    return table


PALETTES: Final = {
    "echocast": gradual(ANCHORS),
    "nws": stepped(NWS),
    "grey": gradual(GREYS),
}
COVERAGE: Final[Palette] = np.zeros((256, 4), np.uint8)  # shows where no radar looks, and no rain
COVERAGE[NOT_OBSERVED] = 0, 0, 0, 128
TABLES: Final = {**PALETTES, "coverage": COVERAGE}
