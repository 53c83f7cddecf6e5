"""Colour tables of the page: value-coded images are coloured by them in the browser.

``python -m tools.make_palettes`` writes `service/page/static/palettes.json`: for each palette 256
colours as one hexadecimal text, by the code v of a pixel (v / 2 - 32 dBZ); for probabilities 101,
by percent. HomeyerRainbow is computed by cmweather (MIT licence), which only this script needs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from echocast.model.plotting.colours import ANCHORS, HIGHEST_DBZ, LOWEST_DBZ

TARGET: Final = Path(__file__).parents[1] / "service" / "page" / "static" / "palettes.json"
DBZ: Final = np.arange(256) / 2 - 32
Anchors = tuple[tuple[float, tuple[float, float, float]], ...]

# The steps of 5 dBZ in which the US National Weather Service shows reflectivity.
NWS: Final = (
    *("00ecec", "01a0f6", "0000f6", "00ff00", "00c800", "009000", "ffff00", "e7c000"),
    *("ff9000", "ff0000", "d60000", "c00000", "ff00ff", "9955c9", "fdfdfd"),
)
NWS_LOWEST_DBZ, NWS_STEP_DBZ = 5.0, 5.0
GREY: Final[Anchors] = ((0.0, (0.86, 0.86, 0.86)), (60.0, (0.05, 0.05, 0.05)))
# Of middle lightness at every place, to be legible on light and on dark land.
PROBABILITY: Final[Anchors] = (
    (0.0, (0.80, 0.84, 0.93)),
    (30.0, (0.58, 0.68, 0.88)),
    (60.0, (0.56, 0.44, 0.80)),
    (80.0, (0.66, 0.25, 0.66)),
    (100.0, (0.72, 0.06, 0.42)),
)


def main() -> None:
    """Write the tables."""
    palettes = {
        "echocast": hexadecimal(between(ANCHORS, DBZ)),
        "nws": "".join(NWS[step] for step in nws_steps()),
        "homeyer": hexadecimal(homeyer()),
        "grey": hexadecimal(between(GREY, DBZ)),
    }
    tables = {"dBZ": palettes, "%": hexadecimal(between(PROBABILITY, np.arange(101.0)))}
    TARGET.write_text(json.dumps(tables, indent=1) + "\n")


def between(anchors: Anchors, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours (n, 3) in 0..1 between those of the anchors."""
    places = [place for place, _ in anchors]
    return np.stack([np.interp(at, places, [rgb[c] for _, rgb in anchors]) for c in range(3)], 1)


def nws_steps() -> list[int]:
    """Which colour of the National Weather Service each code has."""
    steps = np.floor((DBZ - NWS_LOWEST_DBZ) / NWS_STEP_DBZ)
    return [int(step) for step in np.clip(steps, 0, len(NWS) - 1)]


def homeyer() -> NDArray[np.float64]:
    """HomeyerRainbow over the range of our own pictures; legible without colour vision."""
    import cmweather  # noqa: F401  registers its colour maps
    import matplotlib as mpl

    share = (DBZ - LOWEST_DBZ) / (HIGHEST_DBZ - LOWEST_DBZ)
    return np.asarray(mpl.colormaps["HomeyerRainbow"](np.clip(share, 0, 1))[:, :3])


def hexadecimal(colours: NDArray[np.float64]) -> str:
    """Colours (n, 3) in 0..1, six digits each."""
    return bytes(np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8).ravel()).hex()


if __name__ == "__main__":
    main()
