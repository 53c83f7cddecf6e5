"""Colour tables of the page: value-coded images are coloured by them in the browser.

``python -m tools.make_palettes`` writes `service/page/static/palettes.json`: for each palette 256
colours as one hexadecimal text, by the code v of a pixel (v / 2 - 32 dBZ); for probabilities 101,
by percent; for outcomes 4. HomeyerRainbow is computed by cmweather (MIT licence), which only this
script needs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from echocast.model.imagery.palettes import PALETTES
from echocast.model.plotting.colours import HIGHEST_DBZ, LOWEST_DBZ

TARGET: Final = Path(__file__).parents[1] / "service" / "page" / "static" / "palettes.json"
DBZ: Final = np.arange(256) / 2 - 32
Anchors = tuple[tuple[float, tuple[float, float, float]], ...]

# Of middle lightness at every place, to be legible on light and on dark land.
PROBABILITY: Final[Anchors] = (
    (0.0, (0.80, 0.84, 0.93)),
    (30.0, (0.58, 0.68, 0.88)),
    (60.0, (0.56, 0.44, 0.80)),
    (80.0, (0.66, 0.25, 0.66)),
    (100.0, (0.72, 0.06, 0.42)),
)

# Of a correct negative, a hit, a miss and a false alarm; Okabe and Ito's, told apart without colour
# vision. What is forecast alone is blue, as forecast times are on the time line.
OUTCOMES: Final = "000000" + "009e73" + "d55e00" + "0072b2"


def main() -> None:
    """Write the tables."""
    palettes = {
        "echocast": of_codes("echocast"),
        "nws": of_codes("nws"),
        "homeyer": hexadecimal(homeyer()),
        "grey": of_codes("grey"),
    }
    percent = hexadecimal(between(PROBABILITY, np.arange(101.0)))
    tables = {"dBZ": palettes, "%": percent, "outcome": OUTCOMES}
    TARGET.write_text(json.dumps(tables, indent=1) + "\n")


def of_codes(name: str) -> str:
    """A palette of pictures and tiles."""
    return bytes(PALETTES[name][:, :3].ravel()).hex()


def between(anchors: Anchors, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colours (n, 3) in 0..1 between those of the anchors."""
    places = [place for place, _ in anchors]
    return np.stack([np.interp(at, places, [rgb[c] for _, rgb in anchors]) for c in range(3)], 1)


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
