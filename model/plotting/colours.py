"""The radar palette of all pictures, in dBZ, and grey for missing pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from echocast.model.frames import unmasked
from echocast.model.grid import FloatArray

if TYPE_CHECKING:
    from matplotlib.colors import ListedColormap

LOWEST_DBZ = 0.0
HIGHEST_DBZ = 70.0
TICKS_DBZ = (0, 10, 20, 30, 40, 50, 60, 70)
MISSING = (0.80, 0.80, 0.80)
DRY = (1.0, 1.0, 1.0)
# Lightness falls steadily to 50 dBZ, so that the order reads without colour vision too.
ANCHORS = (
    (0.0, (0.937, 0.957, 0.976)),
    (10.0, (0.757, 0.859, 0.933)),
    (20.0, (0.420, 0.682, 0.839)),
    (25.0, (0.129, 0.533, 0.698)),
    (30.0, (0.110, 0.604, 0.420)),
    (35.0, (0.992, 0.878, 0.239)),
    (40.0, (0.988, 0.667, 0.129)),
    (45.0, (0.937, 0.380, 0.114)),
    (50.0, (0.820, 0.110, 0.137)),
    (55.0, (0.616, 0.020, 0.341)),
    (60.0, (0.451, 0.043, 0.510)),
    (70.0, (0.180, 0.020, 0.290)),
)
STEPS = 280  # quarter dBZ


def colour_table() -> NDArray[np.float64]:
    """RGB in 0..1, shape (280, 3), from 0 to 70 dBZ."""
    at = np.linspace(LOWEST_DBZ, HIGHEST_DBZ, STEPS)
    places = [place for place, _ in ANCHORS]
    channels = [np.interp(at, places, [rgb[c] for _, rgb in ANCHORS]) for c in range(3)]
    return np.stack(channels, axis=1)


def colour_map() -> ListedColormap:
    """The same for matplotlib: dry below, missing where masked."""
    from matplotlib.colors import ListedColormap

    return ListedColormap(colour_table(), name="radar", bad=MISSING, under=DRY)


def painted(reflectivity_dbz: FloatArray) -> NDArray[np.uint8]:
    """A field (y, x) in dBZ, NaN or masked where missing, as 8-bit RGB (y, x, 3)."""
    reflectivity_dbz = unmasked(reflectivity_dbz)
    table = np.concatenate([colour_table(), [DRY, MISSING]])
    scaled = reflectivity_dbz / np.float32(HIGHEST_DBZ) * STEPS
    index = np.clip(np.nan_to_num(scaled), 0, STEPS - 1).astype(np.intp)
    index[reflectivity_dbz <= LOWEST_DBZ] = STEPS
    index[np.isnan(reflectivity_dbz)] = STEPS + 1
    colours: NDArray[np.uint8] = np.rint(table * 255).astype(np.uint8)
    return np.asarray(colours[index])
