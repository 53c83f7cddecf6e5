"""Scores of one event, or of several together: what :mod:`.start_counts` counted, divided.

Counts add over start times, leads and events; ratios come last. Start times stay apart, because
intervals resample them in blocks: neighbouring forecasts share their weather.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from echocast.model.errors import ContractViolation
from echocast.model.verification.calibration import BINS, ExceedanceCounts
from echocast.model.verification.contingency import ContingencyTable, defined
from echocast.model.verification.counts import (
    FRACTIONS_THRESHOLDS_DBZ,
    THRESHOLDS_DBZ,
    ContingencyCounts,
    Floats,
    Ints,
    label,
)
from echocast.model.verification.start_counts import LEVELS_PER_DB, SCALES_KM, StartCounts

BLOCK_MINUTES = 60.0
FEWEST_BLOCKS = 10  # below which no interval is given
ALL_LEADS = (0.0,)  # in place of lead times, where all are counted together
CUT_STEP_DB = 1 / LEVELS_PER_DB
WIDEST_CUT_DB = BINS // 2 * CUT_STEP_DB  # how far from its threshold a field can be cut


@dataclass(frozen=True, eq=False)
class EventScores:
    """All start times of one event.

    Args:
        event: Its name.
        methods: Names of what was scored.
        lead_minutes: Lead times.
        start_minutes: Start times, minutes after the first.
        starts: What was counted at each.
        probabilistic: Names of the methods whose probabilities were counted.
        lead_sources: What makes each lead time of the model; empty: not stated.
    """

    event: str
    methods: tuple[str, ...]
    lead_minutes: tuple[float, ...]
    start_minutes: tuple[float, ...]
    starts: tuple[StartCounts, ...]
    probabilistic: tuple[str, ...] = ()
    lead_sources: tuple[str, ...] = ()

    @property
    def every_method(self) -> tuple[str, ...]:
        """All names, each once: ``methods``, then those that have probabilities alone."""
        return tuple(dict.fromkeys((*self.methods, *self.probabilistic)))

    @property
    def counts(self) -> Ints:
        """(start, method, threshold, lead, 4)."""
        return np.stack([start.counts for start in self.starts])

    @cached_property
    def total(self) -> ContingencyCounts:
        """The counts of all start times together."""
        counts = self.counts.sum(0)
        return ContingencyCounts(self.methods, THRESHOLDS_DBZ, self.lead_minutes, counts)

    @property
    def pixels(self) -> int:
        """Pixels scored, over starts and leads."""
        return int(sum(start.pixels.sum() for start in self.starts))

    @property
    def leads_together(self) -> EventScores:
        """The same as of one lead time, ``ALL_LEADS``: the sums over all."""
        starts = tuple(start.leads_together for start in self.starts)
        return replace(self, lead_minutes=ALL_LEADS, starts=starts, lead_sources=())

    def summed(self, part: str) -> Any:
        """The sum over start times of a part of :class:`.start_counts.StartCounts`."""
        return np.sum([getattr(start, part) for start in self.starts], 0)

    def table(self, method: str, threshold_dbz: float, lead: int | None = None) -> ContingencyTable:
        """Pooled counts of a method at a threshold, of one lead (its index) or all."""
        return self.total.table(method, threshold_dbz, lead)

    def blocks(
        self, methods: Sequence[str], minutes: float = BLOCK_MINUTES, lead: int | None = None
    ) -> Ints:
        """Sums of the start times of each block of time.

        Args:
            methods: Which, in this order.
            minutes: Length of a block.
            lead: Of one lead (its index); None: of all together.

        Returns:
            (block, method, threshold, 4): hits, misses, false alarms, correct negatives.
        """
        counts = self.counts[:, [self.methods.index(method) for method in methods]]
        cells = counts.sum(3) if lead is None else counts[:, :, :, lead]
        numbers = (np.array(self.start_minutes) // minutes).astype(int)
        return np.stack([cells[numbers == number].sum(0) for number in np.unique(numbers)])

    def mean_squared_error(self, method: str, lead: int | None = None) -> float:
        """Mean squared error in dBZ^2, dry as 0 dBZ, of one lead (its index) or all.

        Range 0 to infinity, perfect 0, NaN without pixels.
        """
        squares = self.summed("squares")[self.methods.index(method)]
        return self._by_pixel(squares, lead)

    def brier_score(self, method: str, threshold_dbz: float, lead: int | None = None) -> float:
        """Mean squared difference of the probability and what happened, 0 or 1.

        That of a method without probabilities is of its yes or no. Range 0..1, perfect 0, NaN
        without pixels. (Brier, MWR 1950.)
        """
        if method not in self.probabilistic:
            table = self.table(method, threshold_dbz, lead)
            wrong = table.misses + table.false_alarms
            return wrong / table.total if table.total else float("nan")
        m, t = self.probabilistic.index(method), THRESHOLDS_DBZ.index(threshold_dbz)
        return self._by_pixel(self.summed("brier")[m, t], lead)

    def crps(self, method: str) -> float:
        """Continuous ranked probability score between the lowest and the highest threshold, in dB.

        The integral of the Brier score over thresholds, here by trapezoids between
        ``THRESHOLDS_DBZ``: what lies below or above does not count (threshold-weighted CRPS,
        Gneiting and Ranjan, JBES 2011). Range 0 to 30 dB, perfect 0, NaN without pixels.
        """
        scores = [self.brier_score(method, threshold) for threshold in THRESHOLDS_DBZ]
        return float(np.trapezoid(scores, THRESHOLDS_DBZ))

    def _by_pixel(self, sums: Floats, lead: int | None) -> float:
        """Sums, (lead,), by the pixels of one lead (its index) or all."""
        chosen = slice(None) if lead is None else lead
        pixels = np.sum([start.pixels for start in self.starts], 0)[chosen].sum()
        return float(sums[chosen].sum() / pixels) if pixels else float("nan")

    def fractions_skill_score(self, method: str, threshold_dbz: float) -> list[float]:
        """Fractions skill score (FSS) per scale of ``SCALES_KM``, leads pooled.

        1 - sum of (forecast - observed fraction)^2 / sum of (forecast^2 + observed^2) (Roberts and
        Lean, MWR 2008). Range 0..1, perfect 1, NaN where nothing was forecast or observed.
        """
        m, t = self.methods.index(method), FRACTIONS_THRESHOLDS_DBZ.index(threshold_dbz)
        difference, whole = self.summed("fractions")[m, t].sum(0).T
        with np.errstate(divide="ignore", invalid="ignore"):
            return list((1 - difference / whole).tolist())

    def probabilities(self, method: str) -> ExceedanceCounts:
        """How often each class of a method's probability was followed by the exceedance."""
        counts = self.summed("classes")[self.probabilistic.index(method)]
        return ExceedanceCounts(THRESHOLDS_DBZ, counts)

    def cuts(self, method: str) -> ExceedanceCounts:
        """The same of a method's field, by how far it lies above or below each threshold.

        Classes are half a dB wide; the middle one begins at the threshold. So a table of them is
        that of a field that is cut elsewhere than at the threshold: see :func:`cut_dbz`.
        """
        levels = self.summed("levels")[self.methods.index(method)]
        parts = [_around(levels, t, dbz) for t, dbz in enumerate(THRESHOLDS_DBZ)]
        return ExceedanceCounts(THRESHOLDS_DBZ, np.stack(parts))

    def to_json(self) -> dict[str, Any]:
        """Scores per method, threshold and lead, with their counts; undefined is null."""
        return {
            "forecasts": len(self.starts),
            "pixels": self.pixels,
            "lead_minutes": list(self.lead_minutes),
            **({"lead_sources": list(self.lead_sources)} if self.lead_sources else {}),
            "fss_scales_km": list(SCALES_KM),
            "methods": {label(method): self._method_json(method) for method in self.methods},
            "probabilities": {label(name): self._chance_json(name) for name in self.probabilistic},
        }

    def _method_json(self, method: str) -> dict[str, Any]:
        leads = range(len(self.lead_minutes))
        return {
            "mse_dbz2": defined(self.mean_squared_error(method)),
            "mse_dbz2_by_lead": [defined(self.mean_squared_error(method, k)) for k in leads],
            "thresholds": {
                f"{threshold:g}": {
                    "pooled": all_scores(self.table(method, threshold)),
                    "leads": [all_scores(self.table(method, threshold, k)) for k in leads],
                }
                for threshold in THRESHOLDS_DBZ
            },
            "fss": {
                f"{threshold:g}": [
                    defined(value) for value in self.fractions_skill_score(method, threshold)
                ]
                for threshold in FRACTIONS_THRESHOLDS_DBZ
            },
        }

    def _chance_json(self, method: str) -> dict[str, Any]:
        """Brier score by threshold, CRPS, and the counts of reliability and ROC."""
        counts = self.probabilities(method).counts
        return {
            "brier": {f"{t:g}": defined(self.brier_score(method, t)) for t in THRESHOLDS_DBZ},
            "crps_db": defined(self.crps(method)),
            "classes": {
                f"{threshold:g}": counts[t].tolist() for t, threshold in enumerate(THRESHOLDS_DBZ)
            },
        }


def all_scores(table: ContingencyTable) -> dict[str, float | None]:
    """Counts and scores of a table, those that correct for chance among them."""
    return {
        **table.scores(),
        "ets": defined(table.equitable_threat_score),
        "hss": defined(table.heidke_skill_score),
    }


def cut_dbz(threshold_dbz: float, first_class: int) -> float:
    """From which reflectivity on a class of :meth:`EventScores.cuts` says yes."""
    return threshold_dbz - WIDEST_CUT_DB + first_class * CUT_STEP_DB


def _around(levels: Ints, threshold: int, threshold_dbz: float) -> Ints:
    """(class, 2), not exceeded and exceeded, of levels (level, thresholds reached)."""
    outcome = np.stack([levels[:, : threshold + 1].sum(1), levels[:, threshold + 1 :].sum(1)], 1)
    first = round((threshold_dbz - WIDEST_CUT_DB) * LEVELS_PER_DB)
    counts = outcome[first : first + BINS].copy()
    counts[0] += outcome[:first].sum(0)
    counts[-1] += outcome[first + BINS :].sum(0)
    return counts


def joined(name: str, events: Sequence[EventScores]) -> EventScores:
    """Several events as one; where their lead times differ, all leads together.

    Raises:
        ContractViolation: Their methods differ.
    """
    first = events[0]
    for event in events:
        if (event.methods, event.probabilistic) != (first.methods, first.probabilistic):
            raise ContractViolation(
                f"Scores add only where the methods are the same, but {first.event} has"
                f" {first.methods} and {event.event} {event.methods}.",
                rule="verification-layout",
            )
    if any(event.lead_minutes != first.lead_minutes for event in events):
        return joined(name, [event.leads_together for event in events])
    minutes = tuple(chain.from_iterable(event.start_minutes for event in events))
    starts = tuple(chain.from_iterable(event.starts for event in events))
    return replace(first, event=name, start_minutes=minutes, starts=starts)
