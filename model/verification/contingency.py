"""ContingencyTable: four counts that add, and the scores they divide into.

References: Wilks, Statistical Methods in the Atmospheric Sciences, chapter on forecast
verification; WMO WWRP/WGNE Joint Working Group on Forecast Verification Research.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ContingencyTable:
    """How often an event was forecast and observed.

    Args:
        hits: Forecast and observed.
        misses: Not forecast, but observed.
        false_alarms: Forecast, but not observed.
        correct_negatives: Neither.
    """

    hits: int = 0
    misses: int = 0
    false_alarms: int = 0
    correct_negatives: int = 0

    @classmethod
    def of_events(
        cls,
        forecast: NDArray[np.bool_],
        observed: NDArray[np.bool_],
        valid: NDArray[np.bool_] | None = None,
    ) -> Self:
        """Count two fields of events of the same shape, True where the event is.

        Args:
            forecast: Where it was forecast.
            observed: Where it was observed.
            valid: Which pixels count; None: all but those that are masked (``numpy.ma``).
        """
        fields = (forecast, observed, True if valid is None else valid)
        if any(np.ma.isMaskedArray(field) for field in fields):
            visible = [~np.ma.getmaskarray(np.asanyarray(field)) for field in fields]
            everything = visible[0] & visible[1] & visible[2] & np.ma.getdata(fields[2])
            return cls.of_events(np.ma.getdata(forecast), np.ma.getdata(observed), everything)
        if valid is not None:
            table = cls.of_events(forecast & valid, observed & valid)
            left_out = valid.size - int(np.count_nonzero(valid))
            return replace(table, correct_negatives=table.correct_negatives - left_out)
        hits = int(np.count_nonzero(forecast & observed))
        forecast_events = int(np.count_nonzero(forecast))
        observed_events = int(np.count_nonzero(observed))
        misses, false_alarms = observed_events - hits, forecast_events - hits
        return cls(hits, misses, false_alarms, forecast.size - hits - misses - false_alarms)

    def __add__(self, other: ContingencyTable) -> ContingencyTable:
        """The table of both samples together."""
        return ContingencyTable(
            self.hits + other.hits,
            self.misses + other.misses,
            self.false_alarms + other.false_alarms,
            self.correct_negatives + other.correct_negatives,
        )

    @property
    def total(self) -> int:
        """Sample size."""
        return self.hits + self.misses + self.false_alarms + self.correct_negatives

    @property
    def observed(self) -> int:
        """Pixels where the event was observed: hits + misses."""
        return self.hits + self.misses

    @property
    def union(self) -> int:
        """Pixels where the event was forecast or observed: hits + misses + false alarms."""
        return self.hits + self.misses + self.false_alarms

    @property
    def critical_success_index(self) -> float:
        """Share of all events, forecast or observed, that were hits (CSI, threat score).

        hits / (hits + misses + false_alarms). Range 0..1, perfect 1, NaN where no event was
        forecast or observed. Not corrected for chance: see :attr:`equitable_threat_score`.
        """
        return _quotient(self.hits, self.hits + self.misses + self.false_alarms)

    @property
    def probability_of_detection(self) -> float:
        """Share of the observed events that were forecast (POD, hit rate, recall).

        hits / (hits + misses). Range 0..1, perfect 1, NaN where no event was observed. Not the
        success ratio, which divides by the events forecast.
        """
        return _quotient(self.hits, self.hits + self.misses)

    @property
    def false_alarm_ratio(self) -> float:
        """Share of the forecast events that were not observed (FAR).

        false_alarms / (hits + false_alarms). Range 0..1, perfect 0, NaN where no event was
        forecast. Not the false alarm rate, which divides by the non-events observed.
        """
        return _quotient(self.false_alarms, self.hits + self.false_alarms)

    @property
    def frequency_bias(self) -> float:
        """Events forecast per event observed.

        (hits + false_alarms) / (hits + misses). Range 0 to infinity, perfect 1, NaN where no event
        was observed. Says nothing of where they were.
        """
        return _quotient(self.hits + self.false_alarms, self.hits + self.misses)

    @property
    def equitable_threat_score(self) -> float:
        """CSI corrected for the hits that chance would give (ETS, Gilbert skill score).

        (hits - r) / (hits + misses + false_alarms - r) with r = (hits + misses) (hits +
        false_alarms) / total. Range -1/3..1, perfect 1, NaN where the denominator is 0.
        """
        if not self.total:
            return math.nan
        chance = (self.hits + self.misses) * (self.hits + self.false_alarms) / self.total
        return _quotient(self.hits - chance, self.hits + self.misses + self.false_alarms - chance)

    @property
    def heidke_skill_score(self) -> float:
        """Share of right answers, yes and no, corrected for chance (HSS, Cohen's kappa).

        2 (hits correct_negatives - misses false_alarms) / ((hits + misses) (misses +
        correct_negatives) + (hits + false_alarms) (false_alarms + correct_negatives)). Range -1..1,
        perfect 1, 0 by chance, NaN where the denominator is 0. Not ETS: HSS = 2 ETS / (1 + ETS).
        """
        a, c, b, d = self.counts
        return _quotient(2 * (a * d - b * c), (a + c) * (c + d) + (a + b) * (b + d))

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Hits, misses, false alarms, correct negatives."""
        return self.hits, self.misses, self.false_alarms, self.correct_negatives

    def to_json(self) -> dict[str, int]:
        """The four counts by name."""
        return asdict(self)

    def scores(self) -> dict[str, float | None]:
        """The four counts and ``csi``, ``pod``, ``far``, ``bias``; undefined scores are None."""
        return {
            **self.to_json(),
            "csi": defined(self.critical_success_index),
            "pod": defined(self.probability_of_detection),
            "far": defined(self.false_alarm_ratio),
            "bias": defined(self.frequency_bias),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The table of four counts by name; other entries are ignored."""
        return cls(
            int(value["hits"]),
            int(value["misses"]),
            int(value["false_alarms"]),
            int(value["correct_negatives"]),
        )


def defined(score: float) -> float | None:
    """A score as a JSON value: None where it is undefined (NaN)."""
    return None if math.isnan(score) else score


def _quotient(numerator: float, denominator: float) -> float:
    """The quotient, NaN where it is undefined."""
    return numerator / denominator if denominator else math.nan
