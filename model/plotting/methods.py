"""The colour of each method, in all pictures, reports and dashboards.

From palettes that people with the commonest kinds of colour blindness can distinguish (Okabe and
Ito, 2008; P. Tol's muted scheme for the rest); on white and on dark ground.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

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
)

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
}


def colour_of(method: str) -> str:
    """The colour of a method, by its name or as people write it (``decoded extrapolation``).

    Args:
        method: One of :data:`COLOURS`.
    """
    return COLOURS[method.lower().replace("-", "").replace(" ", "_")]
