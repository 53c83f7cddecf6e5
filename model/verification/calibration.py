"""Calibration: from which probability on an exceedance is forecast, and weights of extrapolation.

Counted is how often each class of probability was followed by an exceedance. Such counts add over
frames and forecasts; the contingency table of every probability threshold, its CSI and bias can be
read from them, and reliability too. Probability thresholds and weights are few (one each per
threshold in dBZ, shared by all lead times) and events count alike, so that no single storm decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from echocast.model.forecast import Forecast
from echocast.model.frames import Frames
from echocast.model.products import ExceedanceDecision, blend_with_extrapolation, early_rise
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import Ints

BINS = 50  # probability classes, .02 wide
LARGEST_BIAS = 1.12
FEWEST_EVENTS = 1000  # observed pixels that an event needs to be used for a threshold
WEIGHTS = (0.0, 0.03, 0.06, 0.12)  # of extrapolation that are tried, log odds a dB
EARLY_FACTOR = 1.0  # of decisions that are chosen
UNCHANGED = ExceedanceDecision()


@dataclass(frozen=True, eq=False)
class ExceedanceCounts:
    """How often each probability class was followed by an exceedance; counts of samples add.

    Args:
        thresholds_dbz: Thresholds.
        counts: (threshold, class, 2), pixels: not exceeded, exceeded.
    """

    thresholds_dbz: tuple[float, ...]
    counts: Ints

    @classmethod
    def of(
        cls, forecast: Forecast, observed: Frames, decision: ExceedanceDecision = UNCHANGED
    ) -> Self:
        """Count one forecast against observed frames at its valid times.

        Args:
            forecast: With probabilities.
            observed: At its valid times.
            decision: Its weights of extrapolation and its early factor change the probabilities
                before they are counted; its probability thresholds don't matter.

        Raises:
            ValueError: The forecast has no probabilities, or the times differ.
        """
        probability = forecast.exceedance_probability
        if probability is None or observed.times != forecast.frames.times:
            raise ValueError("Counting needs probabilities and observations of the same times.")
        thresholds, truth = forecast.exceedance_thresholds_dbz, observed.reflectivity_dbz
        known = np.isfinite(truth) & np.isfinite(probability[0])
        extrapolation, weights = (
            forecast.extrapolation.reflectivity_dbz,
            decision.extrapolation_weights,
        )
        probability = blend_with_extrapolation(probability, extrapolation, thresholds, weights)
        if decision.early_factor:
            lead_minutes = np.array(forecast.lead_minutes, np.float32)[:, None, None]
            probability = probability / early_rise(decision.early_factor, lead_minutes)
        tables = [
            class_counts(field[known], truth[known] >= threshold)
            for threshold, field in zip(thresholds, probability, strict=True)
        ]
        return cls(thresholds, np.stack(tables))

    def __add__(self, other: Self) -> Self:
        """The counts of both samples together."""
        return type(self)(self.thresholds_dbz, self.counts + other.counts)

    def table(self, threshold: int, first_class: int) -> ContingencyTable:
        """The contingency table where an exceedance is forecast from a probability class on.

        Args:
            threshold: Index of the threshold.
            first_class: Lowest class in which it is forecast.
        """
        counts = self.counts[threshold]
        correct_negatives, misses = counts[:first_class].sum(0).tolist()
        false_alarms, hits = counts[first_class:].sum(0).tolist()
        return ContingencyTable(hits, misses, false_alarms, correct_negatives)

    def reliability(self, threshold: int, *, fewest: int = 100) -> tuple[list[float], list[float]]:
        """Reliability: middles of the probability classes, and how often the exceedance followed.

        Perfect where both are equal (Wilks, reliability diagram); both 0..1.

        Args:
            threshold: Index of the threshold.
            fewest: Pixels below which a class is left out.
        """
        totals = self.counts[threshold].sum(1)
        classes = np.flatnonzero(totals >= fewest)
        middles = ((classes + 0.5) / BINS).tolist()
        return middles, (self.counts[threshold, classes, 1] / totals[classes]).tolist()

    def observed(self, threshold: int) -> int:
        """Pixels where the threshold was exceeded."""
        return int(self.counts[threshold, :, 1].sum())

    def has_enough(self, threshold: int) -> bool:
        """Whether the threshold was exceeded often enough to use the event for it."""
        return self.observed(threshold) >= FEWEST_EVENTS


def class_counts(probability: NDArray[np.float32], exceeded: NDArray[np.bool_]) -> Ints:
    """How often each class of the probabilities of one threshold was followed by an exceedance.

    Args:
        probability: 0 to 1, any shape.
        exceeded: What was observed there, likewise.

    Returns:
        (class, 2), pixels: not exceeded, exceeded.
    """
    classes = np.minimum((probability * BINS + 1e-4).astype(np.int64), BINS - 1)
    return np.bincount(classes * 2 + exceeded, minlength=2 * BINS).reshape(BINS, 2)


def choose_probability_thresholds(
    events: Sequence[ExceedanceCounts], *, largest_bias: float = LARGEST_BIAS
) -> tuple[float, ...]:
    """Per threshold the probability threshold with the best mean CSI of events with enough pixels.

    Args:
        events: Counts of each event.
        largest_bias: Probability thresholds with a larger pooled frequency bias are left out.

    Returns:
        Probabilities, each at least half of the one before: rarer events show less of where theirs
        lies. Where no event has enough pixels, that of the threshold below is taken, and 0.5 for
        the first one.
    """
    chosen: list[float] = []
    for threshold in range(len(events[0].thresholds_dbz)):
        usable = [event for event in events if event.has_enough(threshold)]
        if usable:
            best = _best_class(usable, threshold, largest_bias) / BINS
            chosen.append(max(best, chosen[-1] / 2) if chosen else best)
        else:
            chosen.append(chosen[-1] if chosen else 0.5)
    return tuple(chosen)


def too_rare(events: Sequence[ExceedanceCounts]) -> dict[float, int]:
    """Thresholds in dBZ that no event has enough of, and the pixels of the event with most."""
    return {
        dbz: max(event.observed(threshold) for event in events)
        for threshold, dbz in enumerate(events[0].thresholds_dbz)
        if not any(event.has_enough(threshold) for event in events)
    }


def _best_class(events: Sequence[ExceedanceCounts], threshold: int, largest_bias: float) -> int:
    """The lowest class in which the exceedance is forecast."""
    whole = sum(events[1:], start=events[0])

    def quality(first: int) -> float:
        if whole.table(threshold, first).frequency_bias > largest_bias:
            return -1.0
        scores = [event.table(threshold, first).critical_success_index for event in events]
        return float(np.nanmean(scores))

    return max(range(1, BINS), key=quality)


def leave_one_out(events: Mapping[str, ExceedanceCounts]) -> dict[str, tuple[float, ...]]:
    """For every event the probability thresholds that the other events choose, to score it by.

    Raises:
        ValueError: There are fewer than two events.
    """
    if len(events) < 2:
        raise ValueError("Leaving one event out needs at least two.")
    return {
        left_out: choose_probability_thresholds(
            [counts for name, counts in events.items() if name != left_out]
        )
        for left_out in events
    }


Tried = Mapping[float, Mapping[str, ExceedanceCounts]]


def choose_weights(tried: Tried) -> tuple[float, ...]:
    """The weight of extrapolation in the decision on each threshold.

    Args:
        tried: Per weight the counts of each event, where all thresholds have that weight.

    Returns:
        Per threshold the weight with the best mean CSI over the events with enough pixels, each
        scored by the probability threshold that the others choose. With fewer than two such events
        that of the threshold below is taken, and 0 for the first one.
    """
    chosen: list[float] = []
    thresholds = next(iter(next(iter(tried.values())).values())).thresholds_dbz
    for threshold in range(len(thresholds)):
        scores = {weight: _mean_csi(events, threshold) for weight, events in tried.items()}
        if any(score is None for score in scores.values()):
            chosen.append(chosen[-1] if chosen else 0.0)
        else:
            chosen.append(max(scores, key=lambda weight: scores[weight] or 0.0))
    return tuple(chosen)


def with_weights(tried: Tried, weights: Sequence[float]) -> dict[str, ExceedanceCounts]:
    """The counts of each event where every threshold has a weight of its own."""
    names, thresholds = next(iter(tried.values())), range(len(weights))
    return {
        name: ExceedanceCounts(
            names[name].thresholds_dbz,
            np.stack([tried[weights[t]][name].counts[t] for t in thresholds]),
        )
        for name in names
    }


def _mean_csi(events: Mapping[str, ExceedanceCounts], threshold: int) -> float | None:
    """Mean CSI of events with enough pixels, each by the choice of the others; None below two."""
    usable = {n: e for n, e in events.items() if e.has_enough(threshold)}
    if len(usable) < 2:
        return None
    chosen = leave_one_out(usable)
    tables = (e.table(threshold, round(chosen[n][threshold] * BINS)) for n, e in usable.items())
    return float(np.mean([table.critical_success_index for table in tables]))
