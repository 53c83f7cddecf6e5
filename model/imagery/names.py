"""Names of layers, and the thresholds that people mean."""

from __future__ import annotations

from typing import Final

RAIN: Final = "rain"  # what was observed, or the default product of a forecast
EXPECTED: Final = "expected"
EXTRAPOLATION: Final = "extrapolation"
DIFFERENCE: Final = "difference"  # an earlier forecast against what was then observed
DIFFERENCE_DBZ: Final = 20.0  # from which on it calls a pixel an event: the lowest that is scored
PROBABILITY: Final = "probability-"  # and a threshold in dBZ
THRESHOLDS_DBZ: Final = (7.0, 20.0, 30.0, 40.0)  # about .1, .65, 2.7 and 11.5 mm/h


def probability_layer(threshold_dbz: float) -> str:
    """The layer of the probability that a threshold is exceeded."""
    return f"{PROBABILITY}{threshold_dbz:g}"


def threshold_of(layer: str) -> float | None:
    """The threshold in dBZ of a layer of probabilities, None for others."""
    return float(layer.removeprefix(PROBABILITY)) if layer.startswith(PROBABILITY) else None


def in_order(layer: str) -> tuple[bool, bool, float, str]:
    """Sorts layers as a person reads them: reflectivity first, rain before all others, and what
    became of forecasts last.
    """
    threshold = threshold_of(layer)
    first = threshold or (layer != RAIN)
    return layer == DIFFERENCE, threshold is not None, first, layer
