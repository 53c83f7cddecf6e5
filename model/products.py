"""Three products of one forecast: what to expect, where to warn, what it will look like.

* ``expected``: the network's reflectivity; least squared error, smooth at long leads.
* ``csi_optimal``: the same, raised or lowered into the band that the exceedance probabilities
  demand. The critical success index is best where "yes" is said from a probability well below one
  half on: CSI*/(1 + CSI*) for an attainable CSI* (CSI is monotone in F1, whose best cut is F*/2).
  Heavy rain is decided by probabilities that lean on extrapolation too.
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
from echocast.model.grid import FloatArray
from echocast.model.quantisation import floor_as_written, packed_dbz

JUST_BELOW_DB = 0.05  # a pixel lowered out of a band ends this far below its threshold
JUST_ABOVE_DB = 0.05  # one raised into a band ends this far above; files round to 0.01 dB
LARGEST_EXCESS_DB = 15.0  # by which extrapolation counts as above or below a threshold
LARGEST_WEIGHT = 1.0  # log odds a dB
LARGEST_EARLY = 9.0
EARLY_HALF_LIFE_MINUTES = 10.0
LEAST_PROBABILITY = 0.002  # what "never" counts as, and 1 minus this what "always" does


@dataclass(frozen=True)
class Decision:
    """When an exceedance of each threshold is forecast, one number per threshold.

    Args:
        cuts: Probabilities from which on it is; none: the default product is ``expected``.
        extrapolation_weights: How far it leans on extrapolation, as of
            :func:`leaning_on_extrapolation`; none: not at all.
        early: How much higher the cuts begin: by ``early`` times themselves at once, half of that
            ten minutes later, and so on. Where more can be known, more is asked for.

    Raises:
        ModelError: A number outside its range, or as many as don't fit together.
    """

    cuts: tuple[float, ...] = ()
    extrapolation_weights: tuple[float, ...] = ()
    early: float = 0.0

    def __post_init__(self) -> None:
        if not all(0 <= cut <= 1 for cut in self.cuts):
            raise ModelError(f"Cuts are probabilities, not {self.cuts}.")
        if not all(0 <= weight <= LARGEST_WEIGHT for weight in self.extrapolation_weights):
            raise ModelError(
                f"Weights of extrapolation are 0 to {LARGEST_WEIGHT}, not"
                f" {self.extrapolation_weights}."
            )
        if self.extrapolation_weights and len(self.extrapolation_weights) != len(self.cuts):
            raise ModelError("There must be as many weights of extrapolation as cuts.")
        if not 0 <= self.early <= LARGEST_EARLY:
            raise ModelError(f"Cuts begin up to {LARGEST_EARLY} times higher, not {self.early}.")

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any]) -> Self:
        """What a checkpoint's manifest says of it."""
        cuts, weights = (
            tuple(manifest.get(name, ())) for name in ("cuts", "extrapolation_weights")
        )
        return cls(cuts, weights, manifest.get("early_cuts", 0.0))

    def to_manifest(self) -> dict[str, Any]:
        """What :meth:`of_manifest` reads."""
        return {
            "cuts": self.cuts,
            "extrapolation_weights": self.extrapolation_weights,
            "early_cuts": self.early,
        }

    def cuts_at(self, lead_minutes: float) -> tuple[float, ...]:
        """The cuts of a lead time."""
        return tuple(cut * cut_rise(self.early, lead_minutes) for cut in self.cuts)


def cut_rise(early: float, lead_minutes: float | FloatArray) -> Any:
    """By how much the cuts of lead times are higher than those of the latest ones."""
    return 1 + early * np.exp2(-lead_minutes / EARLY_HALF_LIFE_MINUTES)


def csi_optimal(
    expected_dbz: FloatArray,
    exceedance_probability: NDArray[np.floating[Any]],
    thresholds_dbz: Sequence[float],
    cuts: Sequence[float],
) -> FloatArray:
    """Reflectivity whose exceedance of each threshold is a decision on its probability.

    A pixel says yes to a threshold where the probability reaches the cut and it says yes to all
    thresholds below. Between the last yes and the first no its expected value is kept.

    Args:
        expected_dbz: Any shape, in dBZ, NaN where missing.
        exceedance_probability: (threshold, *shape), NaN where missing.
        thresholds_dbz: Increasing thresholds.
        cuts: One probability per threshold, 0..1.

    Returns:
        Reflectivity in dBZ, shaped like ``expected_dbz``.
    """
    decided = expected_dbz.copy()
    yes = np.ones(expected_dbz.shape, bool)
    for threshold, cut, probability in zip(
        thresholds_dbz, cuts, exceedance_probability, strict=True
    ):
        yes_before, yes = yes, yes & (probability >= cut)
        low = np.float32(threshold + JUST_ABOVE_DB)
        high = np.float32(threshold - JUST_BELOW_DB)
        np.maximum(decided, low, out=decided, where=yes)
        np.minimum(decided, high, out=decided, where=yes_before & ~yes)
    return decided


def leaning_on_extrapolation(
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
        expected_dbz: (height, width) in dBZ, NaN where missing.
        newest_dbz: Like ``expected_dbz``: the newest observed frame.

    Returns:
        (height, width) in dBZ; missing where ``expected_dbz`` is.
    """
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
