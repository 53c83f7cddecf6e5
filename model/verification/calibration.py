"""When to say yes: from which probability on, and how far that leans on extrapolation.

What is counted is how often a probability was followed by an exceedance. Such tables add, over
frames and forecasts; every cut's contingency table, CSI and bias can be read off them, and
reliability too. Cuts and weights are few (one each per threshold, shared by all lead times) and
events weigh alike, so that no single storm decides.
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
LARGEST_BIAS = 2.0
FEWEST_EVENTS = 1000  # observed pixels below which an event says nothing about a threshold
WEIGHTS = (0.0, 0.03, 0.06, 0.12)  # of extrapolation that are tried, log odds a dB
EARLY = 1.0  # of decisions that are chosen
AS_THEY_ARE = ExceedanceDecision()


@dataclass(frozen=True, eq=False)
class ExceedanceCounts:
    """How often each probability class was followed by yes and by no.

    Args:
        thresholds_dbz: Thresholds.
        counts: (threshold, class, 2): not exceeded, exceeded.
    """

    thresholds_dbz: tuple[float, ...]
    counts: Ints

    @classmethod
    def of(
        cls, forecast: Forecast, observed: Frames, decision: ExceedanceDecision = AS_THEY_ARE
    ) -> Self:
        """Count one forecast against observed frames at its valid times.

        Args:
            forecast: With probabilities.
            observed: At its valid times.
            decision: How the probabilities are decided by; its cuts don't matter. What is counted
                is what the latest cuts are compared with. By default the probabilities themselves.

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
            class_counts(chances[known], truth[known] >= threshold)
            for threshold, chances in zip(thresholds, probability, strict=True)
        ]
        return cls(thresholds, np.stack(tables))

    def __add__(self, other: Self) -> Self:
        """The counts of both."""
        return type(self)(self.thresholds_dbz, self.counts + other.counts)

    def table(self, threshold: int, first_class: int) -> ContingencyTable:
        """Contingency table of saying yes from a probability class on.

        Args:
            threshold: Index of the threshold.
            first_class: Lowest class that says yes.
        """
        no, yes = self.counts[threshold, :first_class], self.counts[threshold, first_class:]
        return ContingencyTable(
            hits=int(yes[:, 1].sum()),
            misses=int(no[:, 1].sum()),
            false_alarms=int(yes[:, 0].sum()),
            correct_negatives=int(no[:, 0].sum()),
        )

    def reliability(self, threshold: int, *, fewest: int = 100) -> tuple[list[float], list[float]]:
        """Middles of the probability classes with enough pixels, and how often yes followed.

        Args:
            threshold: Index of the threshold.
            fewest: Pixels below which a class is left out.
        """
        totals = self.counts[threshold].sum(1)
        telling = np.flatnonzero(totals >= fewest)
        middles = ((telling + 0.5) / BINS).tolist()
        return middles, (self.counts[threshold, telling, 1] / totals[telling]).tolist()

    def observed(self, threshold: int) -> int:
        """Pixels where the threshold was exceeded."""
        return int(self.counts[threshold, :, 1].sum())

    def knows(self, threshold: int) -> bool:
        """Whether the threshold was exceeded often enough to say something about it."""
        return self.observed(threshold) >= FEWEST_EVENTS


def class_counts(probability: NDArray[np.float32], exceeded: NDArray[np.bool_]) -> Ints:
    """How often each class of the probabilities of one threshold was followed by no and by yes.

    Args:
        probability: 0 to 1, any shape.
        exceeded: What was observed there, likewise.

    Returns:
        Counts, shape (class, 2).
    """
    classes = np.minimum((probability * BINS + 1e-4).astype(np.int64), BINS - 1)
    return np.bincount(classes * 2 + exceeded, minlength=2 * BINS).reshape(BINS, 2)


def choose_cuts(
    events: Sequence[ExceedanceCounts], *, largest_bias: float = LARGEST_BIAS
) -> tuple[float, ...]:
    """One cut per threshold: the best mean CSI over the events that know the threshold.

    Args:
        events: Counts of each event.
        largest_bias: Cuts whose pooled frequency bias exceeds it are not considered.

    Returns:
        Probabilities, each at least half of the one before: rarer events tell less of where theirs
        lies. A threshold that no event knows takes the cut of the one below it, and the
        first one 0.5.
    """
    cuts: list[float] = []
    for threshold in range(len(events[0].thresholds_dbz)):
        telling = [event for event in events if event.knows(threshold)]
        if telling:
            best = _best_class(telling, threshold, largest_bias) / BINS
            cuts.append(max(best, cuts[-1] / 2) if cuts else best)
        else:
            cuts.append(cuts[-1] if cuts else 0.5)
    return tuple(cuts)


def too_few(events: Sequence[ExceedanceCounts]) -> dict[float, int]:
    """Thresholds in dBZ that no event knows, and the pixels of the event that has most of them."""
    return {
        dbz: max(event.observed(threshold) for event in events)
        for threshold, dbz in enumerate(events[0].thresholds_dbz)
        if not any(event.knows(threshold) for event in events)
    }


def _best_class(events: Sequence[ExceedanceCounts], threshold: int, largest_bias: float) -> int:
    """The class from which on to say yes."""
    whole = sum(events[1:], start=events[0])

    def quality(first: int) -> float:
        if whole.table(threshold, first).frequency_bias > largest_bias:
            return -1.0
        scores = [event.table(threshold, first).critical_success_index for event in events]
        return float(np.nanmean(scores))

    return max(range(1, BINS), key=quality)


def leave_one_out(events: Mapping[str, ExceedanceCounts]) -> dict[str, tuple[float, ...]]:
    """For every event the cuts that the others would have chosen: what may judge it.

    Raises:
        ValueError: There are fewer than two events.
    """
    if len(events) < 2:
        raise ValueError("Leaving one event out needs at least two.")
    return {
        left_out: choose_cuts([counts for name, counts in events.items() if name != left_out])
        for left_out in events
    }


Tried = Mapping[float, Mapping[str, ExceedanceCounts]]


def choose_weights(tried: Tried) -> tuple[float, ...]:
    """How far the decision on each threshold leans on extrapolation.

    Args:
        tried: Per weight the counts of each event, where all thresholds have that weight.

    Returns:
        Per threshold the weight with the best mean CSI over the events that know it, each judged by
        the cut that the others chose. A threshold that fewer than two events know takes the weight
        of the one below it, and the first one 0.
    """
    chosen: list[float] = []
    thresholds = next(iter(next(iter(tried.values())).values())).thresholds_dbz
    for threshold in range(len(thresholds)):
        scores = {weight: _judged(events, threshold) for weight, events in tried.items()}
        if any(score is None for score in scores.values()):
            chosen.append(chosen[-1] if chosen else 0.0)
        else:
            chosen.append(max(scores, key=lambda weight: scores[weight] or 0.0))
    return tuple(chosen)


def weighted(tried: Tried, weights: Sequence[float]) -> dict[str, ExceedanceCounts]:
    """The counts of each event where every threshold has a weight of its own."""
    names, thresholds = next(iter(tried.values())), range(len(weights))
    return {
        name: ExceedanceCounts(
            names[name].thresholds_dbz,
            np.stack([tried[weights[t]][name].counts[t] for t in thresholds]),
        )
        for name in names
    }


def _judged(events: Mapping[str, ExceedanceCounts], threshold: int) -> float | None:
    """Mean CSI of events that know a threshold, by cuts of the others; None for fewer than two."""
    known = {n: e for n, e in events.items() if e.knows(threshold)}
    if len(known) < 2:
        return None
    cuts = leave_one_out(known)
    tables = (e.table(threshold, round(cuts[n][threshold] * BINS)) for n, e in known.items())
    return float(np.mean([table.critical_success_index for table in tables]))
