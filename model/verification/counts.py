"""Counts by method, threshold and lead time; counts add, ratios come last.

Two forms, one algebra. :class:`ContingencyCounts` is one array over methods, thresholds and lead
times. Files and the engine's sums hold named vectors of whole numbers instead, because a stream
counts more than contingency and not everything at every lead:
``<lead>|<method>|<threshold>`` holds hits, misses, false alarms and correct negatives;
``<lead>|reliability|<threshold>`` holds, for each class of probability, pixels and then how many of
them exceeded the threshold; ``<lead>|forecasts|<role>`` holds 1; ``0|storms|<threshold>`` holds how
many a frame shows. The lead is in minutes, 0 for the frame itself. Of leads after the network's
all of that stands under names that end in ``|beyond``: they belong to no sum over lead times, so
that drift, promotion and pooled scores are those of the network, however far forecasts reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import ContractViolation
from echocast.model.frames import unmasked
from echocast.model.grid import FloatArray
from echocast.model.verification.contingency import ContingencyTable

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Events = Iterable[NDArray[np.bool_]]  # one field per threshold, True where the event is
Counts = Mapping[str, Sequence[int]]  # by name, as files and sums hold them

MODEL, CANARY, CHALLENGER, FALLBACK = "model", "canary", "challenger", "fallback"
CHAMPION, EXPECTED = "champion", "expected"
EXTRAPOLATION, DECODED, PERSISTENCE = "extrapolation", "decoded_extrapolation", "persistence"
BESIDE_CHALLENGER = "decoded_beside_challenger"  # the reference, in the challenger's frames only
METHODS = (
    MODEL,
    CANARY,
    CHALLENGER,
    BESIDE_CHALLENGER,
    EXTRAPOLATION,
    DECODED,
    PERSISTENCE,
    FALLBACK,
)  # of a stream
PYSTEPS_LK, PYSTEPS_SPROG = "pysteps LK", "pysteps S-PROG"  # references of an evaluation
PYSTEPS_ANVIL, PYSTEPS_LINDA = "pysteps ANVIL", "pysteps LINDA"
PYSTEPS_STEPS = "pysteps STEPS"  # probabilities alone
FORECAST_METHODS = (MODEL, EXTRAPOLATION, PERSISTENCE)  # in a forecast's own scores
PAIRED_METHODS = (CHALLENGER, CHAMPION, EXTRAPOLATION, DECODED, PERSISTENCE)  # in a retraining

THRESHOLDS_DBZ = (20.0, 30.0, 35.0, 40.0, 45.0, 50.0)  # of events; the others are among them
STREAM_THRESHOLDS_DBZ = (20.0, 30.0, 40.0, 50.0)  # of streams, drift, training and reports
FORECAST_THRESHOLDS_DBZ = (30.0, 40.0, 50.0)  # of a forecast's own scores
FRACTIONS_THRESHOLDS_DBZ = (20.0, 30.0, 40.0)  # of the fractions skill score

RELIABILITY = "reliability"
BEYOND = "beyond"
STORMS = "storms"
CLASSES = 10  # of probability
CLASS_MIDDLES = tuple((index + 0.5) / CLASSES for index in range(CLASSES))


def label(method: str) -> str:
    """A method as reports name it: ``decoded extrapolation``."""
    return method.replace("_", " ")


@dataclass(frozen=True, eq=False)
class ContingencyCounts:
    """Contingency counts per method, threshold and lead time.

    Args:
        methods: Names.
        thresholds_dbz: An event is reflectivity >= threshold.
        lead_minutes: Lead times.
        values: (method, threshold, lead, 4), pixels: hits, misses, false alarms, correct negatives.
    """

    methods: tuple[str, ...]
    thresholds_dbz: tuple[float, ...]
    lead_minutes: tuple[float, ...]
    values: Ints

    @property
    def layout(self) -> tuple[tuple[str, ...], tuple[float, ...], tuple[float, ...]]:
        """What has to be equal for counts to add: methods, thresholds, leads."""
        return self.methods, self.thresholds_dbz, self.lead_minutes

    def __add__(self, other: ContingencyCounts) -> ContingencyCounts:
        """The counts of both samples together.

        Raises:
            ContractViolation: Leads, methods or thresholds differ.
        """
        if self.layout != other.layout:
            raise ContractViolation(
                "Contingency counts add only where methods, thresholds and leads agree, but one has"
                f" {self.layout} and the other {other.layout}.",
                rule="verification-layout",
            )
        return ContingencyCounts(*self.layout, self.values + other.values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ContingencyCounts):
            return NotImplemented
        return self.layout == other.layout and np.array_equal(self.values, other.values)

    __hash__ = None  # type: ignore[assignment]  # arrays can change

    def table(self, method: str, threshold_dbz: float, lead: int | None = None) -> ContingencyTable:
        """The table of a method at a threshold, of one lead (its index) or of all together."""
        m, t = self.methods.index(method), self.thresholds_dbz.index(threshold_dbz)
        cells = self.values[m, t].sum(0) if lead is None else self.values[m, t, lead]
        return ContingencyTable(*cells.tolist())

    def to_named(self) -> dict[str, list[int]]:
        """As files and sums hold them: ``<lead>|<method>|<threshold>``."""
        return {
            f"{minutes:g}|{method}|{threshold:g}": self.values[m, t, lead].tolist()
            for m, method in enumerate(self.methods)
            for t, threshold in enumerate(self.thresholds_dbz)
            for lead, minutes in enumerate(self.lead_minutes)
        }

    @classmethod
    def of_named(
        cls,
        counts: Counts,
        methods: Sequence[str],
        thresholds_dbz: Sequence[float],
        lead_minutes: Sequence[float],
    ) -> Self:
        """Part of what files and sums hold; 0 where nothing was counted."""
        cells = [
            counts.get(f"{lead:g}|{method}|{threshold:g}", (0,) * 4)
            for method, threshold, lead in product(methods, thresholds_dbz, lead_minutes)
        ]
        shape = len(methods), len(thresholds_dbz), len(lead_minutes), 4
        values = np.array(cells, np.int64).reshape(shape)
        return cls(tuple(methods), tuple(thresholds_dbz), tuple(lead_minutes), values)


def events(values_dbz: FloatArray, thresholds_dbz: Sequence[float]) -> list[NDArray[np.bool_]]:
    """Where reflectivity reaches each threshold; missing pixels reach none.

    Args:
        values_dbz: In dBZ, any shape, NaN or masked where missing.
        thresholds_dbz: Thresholds.
    """
    values_dbz = unmasked(values_dbz)
    with np.errstate(invalid="ignore"):
        return [values_dbz >= threshold for threshold in thresholds_dbz]


def count_events(
    forecasts: Iterable[Events], observed: Events, valid: NDArray[np.bool_] | None = None
) -> Ints:
    """Count fields of events of one lead time.

    Args:
        forecasts: Of each method a field per threshold.
        observed: A field per threshold.
        valid: Which pixels count; None: all.

    Returns:
        (method, threshold, 4): hits, misses, false alarms, correct negatives.
    """
    happened = list(observed)
    cells = [
        [
            ContingencyTable.of_events(forecast, observation, valid).counts
            for forecast, observation in zip(fields, happened, strict=True)
        ]
        for fields in forecasts
    ]
    return np.array(cells, np.int64)


def union(values: Ints) -> Ints:
    """Pixels where an event was forecast or observed, (...), of counts (..., 3) or (..., 4)."""
    total: Ints = values[..., :3].sum(-1)
    return total


def csi(values: Ints) -> Floats:
    """Critical success index, (...), of counts (..., 3) or (..., 4), hits first.

    hits / (hits + misses + false alarms). Range 0..1, perfect 1, NaN where no event was forecast
    or observed.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(union(values) > 0, values[..., 0] / union(values), np.nan)


def reliability(
    counts: Counts, threshold_dbz: float, lead_minutes: Iterable[float]
) -> list[tuple[int, int]]:
    """For each class of probability its pixels, and those of them where the threshold was exceeded.

    All lead times together; empty where none of them was counted.
    """
    names = [f"{lead:g}|{RELIABILITY}|{threshold_dbz:g}" for lead in lead_minutes]
    vectors = [counts[name] for name in names if name in counts]
    total = [sum(column) for column in zip(*vectors, strict=True)]
    return list(zip(total[:CLASSES], total[CLASSES:], strict=True))


def added(parts: Iterable[Counts]) -> dict[str, list[int]]:
    """The sum of named counts: names that some parts lack count as zeros there."""
    total: dict[str, list[int]] = {}
    for part in parts:
        for name, vector in part.items():
            before = total.get(name)
            total[name] = (
                list(vector)
                if before is None
                else [a + b for a, b in zip(before, vector, strict=True)]
            )
    return total


def with_lead(counts: Counts, lead_minutes: float) -> dict[str, list[int]]:
    """Counts under names that say the lead: ``<lead>|<method>|<threshold>``."""
    return {f"{lead_minutes:g}|{name}": list(vector) for name, vector in counts.items()}


def beyond_network(counts: Counts) -> dict[str, list[int]]:
    """Counts of lead times after the network's, under names that say so."""
    return {f"{name}|{BEYOND}": list(vector) for name, vector in counts.items()}


def all_leads(counts: Counts) -> dict[str, list[int]]:
    """Counts of all lead times under plain names, whatever made them: to be read lead by lead."""
    return added({name.removesuffix(f"|{BEYOND}"): vector} for name, vector in counts.items())
