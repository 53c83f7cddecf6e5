"""The colour of each method, in all pictures, reports and dashboards.

From palettes that people with the commonest kinds of colour blindness can distinguish (Okabe and
Ito, 2008; P. Tol's muted scheme for the rest); on white and on dark ground.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

COLOURS: Final[Mapping[str, str]] = {
    "observed": "#000000",
    "model": "#0072B2",
    "champion": "#0072B2",  # the model that serves
    "challenger": "#CC79A7",
    "canary": "#56B4E9",
    "decoded_extrapolation": "#E69F00",
    "decoded_beside_challenger": "#DDCC77",
    "extrapolation": "#882255",
    "persistence": "#8E8E8E",
    "expected": "#009E73",  # the other product of the model
    "fallback": "#44AA99",
    "pysteps_lk": "#117733",
    "pysteps_sprog": "#999933",
}


def colour_of(method: str) -> str:
    """The colour of a method, by its name or as people write it (``decoded extrapolation``).

    Args:
        method: One of :data:`COLOURS`.
    """
    return COLOURS[method.lower().replace("-", "").replace(" ", "_")]
