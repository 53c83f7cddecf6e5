"""The line of each method in all pictures, reports and dashboards, and what the method is.

Colours are from palettes that people with the commonest kinds of colour blindness can distinguish
(Okabe and Ito, 2008; P. Tol's muted scheme for the rest), on white and on dark ground. Lines differ
in form, too, so that a print in black tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from echocast.model.verification.counts import (
    BESIDE_CHALLENGER,
    CANARY,
    CHALLENGER,
    CHAMPION,
    DECODED,
    EXPECTED,
    EXTRAPOLATION,
    FALLBACK,
    MODEL,
    PERSISTENCE,
    PYSTEPS_ANVIL,
    PYSTEPS_LINDA,
    PYSTEPS_LK,
    PYSTEPS_SPROG,
    PYSTEPS_STEPS,
)

DECODED_SPROG: Final = "decoded pysteps S-PROG"

COLOURS: Final[Mapping[str, str]] = {
    "observed": "#000000",
    MODEL: "#0072B2",
    CHAMPION: "#0072B2",  # the model that serves
    CHALLENGER: "#CC79A7",
    CANARY: "#56B4E9",
    DECODED: "#E69F00",
    BESIDE_CHALLENGER: "#DDCC77",
    EXTRAPOLATION: "#882255",
    PERSISTENCE: "#8E8E8E",
    EXPECTED: "#009E73",  # the other product of the model
    FALLBACK: "#44AA99",
    "pysteps_lk": "#117733",
    "pysteps_sprog": "#999933",
    "pysteps_anvil": "#661100",
    "pysteps_linda": "#D55E00",
    "pysteps_steps": "#332288",
}

STYLES: Final[Mapping[str, Mapping[str, Any]]] = {
    MODEL: {"linewidth": 2.4, "marker": "o"},
    CHAMPION: {"linewidth": 2.0, "marker": "o"},
    EXPECTED: {"linewidth": 1.4, "linestyle": (0, (1, 1.2))},
    CANARY: {"linewidth": 1.2, "linestyle": (0, (1, 1.5))},
    CHALLENGER: {"linewidth": 1.8, "marker": "s"},
    EXTRAPOLATION: {"linewidth": 1.5, "linestyle": "--"},
    DECODED: {"linewidth": 1.5},
    BESIDE_CHALLENGER: {"linewidth": 1.0, "linestyle": (0, (5, 2, 1, 2))},
    PERSISTENCE: {"linewidth": 1.5, "linestyle": ":"},
    FALLBACK: {"linewidth": 1.0, "linestyle": "-."},
    PYSTEPS_LK: {"linewidth": 1.2, "linestyle": (0, (6, 2))},
    PYSTEPS_SPROG: {"linewidth": 1.6, "marker": "^"},
    PYSTEPS_ANVIL: {"linewidth": 1.4, "marker": "D"},
    PYSTEPS_LINDA: {"linewidth": 1.6, "marker": "v"},
    PYSTEPS_STEPS: {"linewidth": 1.6, "marker": "x"},
}

MEANINGS: Final[Mapping[str, str]] = {
    MODEL: "the forecast as it is served, reflectivity; where its probabilities are scored, these.",
    CHAMPION: "the forecast of the model that serves.",
    CHALLENGER: "the forecast of the model that may replace it.",
    EXPECTED: "the same network's mean: least squared error, so smooth that heavy rain is rare in"
    " it. Not meant for warnings.",
    EXTRAPOLATION: "the newest frame carried along the motion; nothing grows or decays.",
    DECODED: "extrapolation that keeps its number of pixels above each threshold, but takes the"
    " most surrounded ones: the fair reference for a forecast that warns by probability.",
    PERSISTENCE: "the newest frame, unmoved.",
    PYSTEPS_LK: "extrapolation of pysteps, along Lucas-Kanade motion.",
    PYSTEPS_SPROG: "pysteps: extrapolation in which small scales fade as fast as they prove"
    " unpredictable, intensities matched to the newest frame.",
    DECODED_SPROG: "the field of pysteps S-PROG, called an event from a value of its own on instead"
    " of from the threshold: that with the best mean CSI on the other events of this page, never on"
    " the event that is judged, at a bias of at most 1.12 there.",
    PYSTEPS_ANVIL: "pysteps: autoregression of the growth of rain rates, scale by scale.",
    PYSTEPS_LINDA: "pysteps: autoregression and convolution of rain rates around the strongest"
    " features, deterministic.",
    PYSTEPS_STEPS: "pysteps: an ensemble of 24 members; a probability is a share of them.",
}


def key_of(method: str) -> str:
    """The name of a method in :data:`COLOURS`, by its name or as people write it."""
    return method.lower().replace("-", "").replace(" ", "_")


def colour_of(method: str) -> str:
    """The colour of a method, by its name or as people write it (``decoded extrapolation``).

    Args:
        method: One of :data:`COLOURS`.
    """
    return COLOURS[key_of(method)]


def style_of(method: str) -> dict[str, Any]:
    """Colour, width and form of a method's line, for matplotlib."""
    return {"color": colour_of(method), "markersize": 3.5, **STYLES.get(method, {})}
