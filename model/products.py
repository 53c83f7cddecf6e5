"""Three products of one forecast: what to expect, where to warn, what it will look like.

* ``expected``: the network's reflectivity; least squared error, smooth at long leads.
* ``csi_optimal``: the same, raised or lowered into the band that the exceedance probabilities
  demand. The critical success index is best where an event is forecast from a probability well
  below one half on: CSI*/(1 + CSI*) for an attainable CSI* (CSI is monotone in F1, whose best
  probability threshold is F*/2). For heavy rain, probabilities are blended with extrapolation.
* ``sharp``: the ranks of the expected field with the intensities of the newest observed frame
  (probability matching, Ebert, WAF 2001); for looking at, not for scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ModelError
from echocast.model.frames import unmasked
from echocast.model.grid import FloatArray
from echocast.model.quantisation import floor_as_written, packed_dbz

JUST_BELOW_DB = 0.05  # a pixel lowered out of a band ends this far below its threshold
JUST_ABOVE_DB = 0.05  # one raised into a band ends this far above; files round to 0.01 dB
LARGEST_EXCESS_DB = 15.0  # by which extrapolation counts as above or below a threshold
LARGEST_WEIGHT = 1.0  # log odds a dB
LARGEST_EARLY_FACTOR = 9.0
EARLY_HALF_LIFE_MINUTES = 10.0
LEAST_PROBABILITY = 0.002  # what "never" counts as, and 1 minus this what "always" does


@dataclass(frozen=True)
class ExceedanceDecision:
    """When an exceedance of each threshold is forecast, one number per threshold.

    Args:
        probability_thresholds: The exceedance is forecast from this probability on; none: the
            default product is ``expected``.
        extrapolation_weights: Weight of extrapolation in the probabilities, as of
            :func:`blend_with_extrapolation`; none: not at all.
        early_factor: How much higher the probability thresholds are at early lead times: at lead 0
            they are ``1 + early_factor`` times as high; every ten minutes the excess halves.

    Raises:
        ModelError: A number outside its range, or as many as don't fit together.
    """

    probability_thresholds: tuple[float, ...] = ()
    extrapolation_weights: tuple[float, ...] = ()
    early_factor: float = 0.0

    def __post_init__(self) -> None:
        if not all(0 <= threshold <= 1 for threshold in self.probability_thresholds):
            raise ModelError(
                f"Probability thresholds lie within 0 and 1, not {self.probability_thresholds}."
            )
        if not all(0 <= weight <= LARGEST_WEIGHT for weight in self.extrapolation_weights):
            raise ModelError(
                f"Weights of extrapolation are 0 to {LARGEST_WEIGHT}, not"
                f" {self.extrapolation_weights}."
            )
        counts = len(self.extrapolation_weights), len(self.probability_thresholds)
        if counts[0] and counts[0] != counts[1]:
            raise ModelError("There must be one weight of extrapolation per probability threshold.")
        if not 0 <= self.early_factor <= LARGEST_EARLY_FACTOR:
            raise ModelError(
                f"The early factor is 0 to {LARGEST_EARLY_FACTOR}, not {self.early_factor}."
            )

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any]) -> Self:
        """The decision that a checkpoint's manifest describes."""
        probability_thresholds, weights = (
            tuple(manifest.get(name, ())) for name in ("cuts", "extrapolation_weights")
        )
        return cls(probability_thresholds, weights, manifest.get("early_cuts", 0.0))

    def to_manifest(self) -> dict[str, Any]:
        """What :meth:`of_manifest` reads."""
        return {
            "cuts": self.probability_thresholds,
            "extrapolation_weights": self.extrapolation_weights,
            "early_cuts": self.early_factor,
        }

    def probability_thresholds_at(self, lead_minutes: float) -> tuple[float, ...]:
        """The probability thresholds of a lead time."""
        rise = early_rise(self.early_factor, lead_minutes)
        return tuple(threshold * rise for threshold in self.probability_thresholds)


def early_rise(early_factor: float, lead_minutes: float | FloatArray) -> Any:
    """Factor by which probability thresholds are higher than at late lead times."""
    return 1 + early_factor * np.exp2(-lead_minutes / EARLY_HALF_LIFE_MINUTES)


def csi_optimal(
    expected_dbz: FloatArray,
    exceedance_probability: NDArray[np.floating[Any]],
    thresholds_dbz: Sequence[float],
    probability_thresholds: Sequence[float],
) -> FloatArray:
    """Reflectivity whose exceedance of each threshold is a decision on its probability.

    A pixel exceeds a threshold where the probability reaches the probability threshold and the
    pixel exceeds all thresholds below. Between the highest threshold exceeded and the next one its
    expected value is unchanged.

    Args:
        expected_dbz: Any shape, in dBZ, NaN where missing.
        exceedance_probability: (threshold, *shape), NaN where missing.
        thresholds_dbz: Increasing thresholds.
        probability_thresholds: One probability per threshold, 0..1.

    Returns:
        Reflectivity in dBZ, shaped like ``expected_dbz``.
    """
    decided, yes = expected_dbz, np.ones(expected_dbz.shape, bool)
    for threshold, least_probability, probability in zip(
        thresholds_dbz, probability_thresholds, exceedance_probability, strict=True
    ):
        yes_before, yes = yes, yes & (probability >= least_probability)
        low = np.float32(threshold + JUST_ABOVE_DB)
        high = np.float32(threshold - JUST_BELOW_DB)
        decided = np.where(yes, np.maximum(decided, low), decided)
        decided = np.where(yes_before & ~yes, np.minimum(decided, high), decided)
    return decided


def blend_with_extrapolation(
    exceedance_probability: NDArray[np.floating[Any]],
    extrapolation_dbz: FloatArray,
    thresholds_dbz: Sequence[float],
    weights: Sequence[float],
) -> NDArray[np.floating[Any]]:
    """Probabilities to decide by: the network's, moved to where extrapolation has the rain.

    Log odds of a threshold grow by its weight for each dB that extrapolation lies above it. What a
    network learns of rare heavy rain is faint and smooth; extrapolation still has its place.

    Args:
        exceedance_probability: (threshold, *shape), 0..1, NaN where missing.
        extrapolation_dbz: (*shape) in dBZ, NaN where missing.
        thresholds_dbz: One per probability.
        weights: Log odds a dB, from 0, one per threshold; none: nothing is moved.

    Returns:
        Shaped like ``exceedance_probability``, NaN where either is.
    """
    if not any(weights):
        return exceedance_probability
    moved = exceedance_probability.astype(np.float32)
    for chance, threshold, weight in zip(moved, thresholds_dbz, weights, strict=True):
        if weight:
            excess = np.clip(extrapolation_dbz - threshold, -LARGEST_EXCESS_DB, LARGEST_EXCESS_DB)
            odds = np.clip(chance, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
            odds /= 1 - odds
            odds *= np.exp(np.float32(weight) * excess)
            np.divide(odds, 1 + odds, out=chance)
    return moved


def sharp(expected_dbz: FloatArray, newest_dbz: FloatArray) -> FloatArray:
    """One frame with the intensities of another, in the order of its own.

    Args:
        expected_dbz: (height, width) in dBZ, NaN or masked where missing.
        newest_dbz: Like ``expected_dbz``: the newest observed frame.

    Returns:
        (height, width) in dBZ; missing where ``expected_dbz`` is.
    """
    expected_dbz, newest_dbz = unmasked(expected_dbz), unmasked(newest_dbz)
    result = expected_dbz.copy()
    known = np.isfinite(expected_dbz)
    intensities = np.sort(newest_dbz[np.isfinite(newest_dbz)])
    if not known.any() or not len(intensities):
        return result
    order = np.argsort(expected_dbz[known], kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(order.size)
    places = (ranks + 0.5) / len(ranks) * len(intensities)
    result[known] = intensities[np.minimum(places.astype(int), len(intensities) - 1)]
    return result


def sharp_as_written(
    expected_dbz: FloatArray, newest_dbz: FloatArray, no_rain_dbz: float
) -> FloatArray:
    """The product of a forecast: :func:`sharp`, where what is expected to be dry stays dry.

    Args:
        expected_dbz: (height, width) in dBZ, rounded as in files, NaN where missing.
        newest_dbz: Like ``expected_dbz``, missing where that is: the newest observed frame.
        no_rain_dbz: What dry pixels hold.

    Returns:
        (height, width) in dBZ; missing where ``expected_dbz`` is.
    """
    wet = expected_dbz > max(0.0, floor_as_written(no_rain_dbz))
    heaviest = np.sort(newest_dbz[np.isfinite(expected_dbz)])
    ranked = np.empty(np.count_nonzero(wet), np.float32)
    counts = packed_dbz(expected_dbz[wet])  # sixteen bits are sorted five times faster
    ranked[np.argsort(counts, kind="stable")] = heaviest[heaviest.size - ranked.size :]
    result = expected_dbz.copy()
    result[wet] = ranked
    return result
