"""Reliability and discrimination of probabilities, from counts by class.

Reference: Wilks, Statistical Methods in the Atmospheric Sciences, chapter on forecast verification.
"""

from __future__ import annotations

import numpy as np

from echocast.model.verification.calibration import BINS, ExceedanceCounts
from echocast.model.verification.counts import CLASSES, Floats, Ints

MIDDLES = (np.arange(BINS) + 0.5) / BINS


def reliability_slope(counts: ExceedanceCounts, threshold: int) -> float:
    """By how much the observed share grows with the probability: weighted least squares.

    1 where probabilities mean what they say; below it they are too bold, above it too cautious.
    NaN where all pixels are in one class.

    Args:
        counts: By class of probability.
        threshold: Index of the threshold.
    """
    pixels = counts.counts[threshold].sum(1).astype(float)
    exceeded = counts.counts[threshold, :, 1]
    if not pixels.sum():
        return float("nan")
    middle = np.average(MIDDLES, weights=pixels)
    spread = np.sum(pixels * np.square(MIDDLES - middle))
    moved = np.sum((MIDDLES - middle) * (exceeded - pixels * exceeded.sum() / pixels.sum()))
    return float(moved / spread) if spread > 0 else float("nan")


def in_tenths(counts: ExceedanceCounts, threshold: int) -> Ints:
    """(class, 2), pixels not exceeded and exceeded, in classes a tenth wide."""
    tenths: Ints = counts.counts[threshold].reshape(CLASSES, -1, 2).sum(1)
    return tenths


def roc(counts: ExceedanceCounts, threshold: int) -> tuple[Floats, Floats]:
    """Relative operating characteristic: false alarm rate and POD for every first class of yes.

    From "always" to "never"; NaN where nothing, or everything, was exceeded.
    """
    until = np.cumsum(counts.counts[threshold][::-1], 0)[::-1].astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = np.vstack([until, [0, 0]]) / until[0]
    return rates[:, 0], rates[:, 1]


def roc_area(counts: ExceedanceCounts, threshold: int) -> float:
    """Area below the ROC curve: 0..1, perfect 1, 0.5 without discrimination, NaN as :func:`roc`."""
    rate, detected = roc(counts, threshold)
    return float(np.trapezoid(detected[::-1], rate[::-1]))
