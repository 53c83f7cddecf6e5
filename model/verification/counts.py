"""Tallies: named vectors of whole numbers that add, and what stands in them.

``<method>|<threshold>`` holds hits, misses, false alarms and correct negatives;
``reliability|<threshold>`` holds, for each class of probability, pixels and then how many of them
exceeded the threshold; ``forecasts|<role>`` holds 1; ``storms|<threshold>`` holds how many a
frame shows. In files and sums the lead time in minutes
stands before the name: ``<lead>|<method>|<threshold>``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from echocast.model.verification.contingency import ContingencyTable

Counts = Mapping[str, Sequence[int]]

MODEL, CANARY, CHALLENGER, FALLBACK = "model", "canary", "challenger", "fallback"
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
)
THRESHOLDS_DBZ = (20.0, 30.0, 40.0, 50.0)
RELIABILITY = "reliability"
STORMS = "storms"
CLASSES = 10  # of probability


def added(parts: Iterable[Counts]) -> dict[str, list[int]]:
    """The sum of counts: names that some parts lack count as zeros there."""
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


def table(sums: Counts, lead: float, method: str, threshold: float) -> ContingencyTable:
    """The contingency table of a lead, method and threshold; empty where nothing was counted."""
    return ContingencyTable(*sums.get(f"{lead:g}|{method}|{threshold:g}", ()))
