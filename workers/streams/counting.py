"""Counts of one forecast against one frame: named vectors of whole numbers that add.

``<method>|<threshold>`` holds hits, misses, false alarms and correct negatives;
``reliability|<threshold>`` holds, for each class of probability, pixels and then how many of them
exceeded the threshold; ``forecasts|<role>`` holds 1. All methods of a forecast are counted on the
same pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from model.contingency import ContingencyTable
from model.formats.cf_lead import ForecastLead
from model.frames import FloatArray
from workers.streams.count_store import Counts
from workers.streams.decoding import decoded_events
from workers.streams.forecast_store import CANARY, FALLBACK, MODEL

THRESHOLDS_DBZ = (20.0, 30.0, 40.0, 50.0)
EXTRAPOLATION, DECODED, PERSISTENCE = "extrapolation", "decoded_extrapolation", "persistence"
METHODS = (MODEL, CANARY, EXTRAPOLATION, DECODED, PERSISTENCE, FALLBACK)
RELIABILITY = "reliability"
CLASSES = 10  # of probability
DEFAULT_PIXEL_KM = 1.0

Events = Sequence[NDArray[np.bool_]]


def count(
    lead: ForecastLead,
    observed_dbz: FloatArray,
    roles: Sequence[str],
    lead_minutes: float,
    pixel_km: float | None,
) -> Counts:
    """The counts of one forecast and one frame.

    Args:
        lead: What the forecast says of the frame's time.
        observed_dbz: The frame, (height, width) in dBZ, NaN where missing.
        roles: As what the forecast counts; only with ``model`` come its references.
        lead_minutes: Lead time.
        pixel_km: Side of a pixel; None: 1 km.
    """
    said = lead.reflectivity_dbz
    seen = np.isfinite(observed_dbz)
    for values in (said, lead.extrapolation_dbz, lead.persistence_dbz):
        seen &= np.isfinite(values)
    observed = _events(observed_dbz)
    methods: dict[str, Events] = {role: _events(said) for role in roles}
    counts = {f"forecasts|{role}": [1] for role in roles}
    if MODEL in roles:
        size = pixel_km or DEFAULT_PIXEL_KM
        methods[EXTRAPOLATION] = _events(lead.extrapolation_dbz)
        methods[DECODED] = decoded_events(
            lead.extrapolation_dbz, THRESHOLDS_DBZ, lead_minutes, size
        )
        methods[PERSISTENCE] = _events(lead.persistence_dbz)
        counts |= _reliability(lead, observed_dbz, seen)
    for method, forecast in methods.items():
        for threshold, yes, happened in zip(THRESHOLDS_DBZ, forecast, observed, strict=True):
            table = ContingencyTable.of_events(yes[seen], happened[seen])
            counts[f"{method}|{threshold:g}"] = list(table.to_json().values())
    return counts


def _events(values_dbz: FloatArray) -> Events:
    with np.errstate(invalid="ignore"):
        return [values_dbz >= threshold for threshold in THRESHOLDS_DBZ]


def _reliability(
    lead: ForecastLead, observed_dbz: FloatArray, seen: NDArray[np.bool_]
) -> dict[str, list[int]]:
    counts = {}
    if lead.exceedance_probability is None:
        return {}
    for threshold, chance in zip(lead.thresholds_dbz, lead.exceedance_probability, strict=True):
        if threshold in THRESHOLDS_DBZ:
            known = seen & np.isfinite(chance)
            classes = np.minimum((chance[known] * CLASSES).astype(np.int64), CLASSES - 1)
            happened = observed_dbz[known] >= threshold
            pixels = np.bincount(classes, minlength=CLASSES)
            exceeded = np.bincount(classes[happened], minlength=CLASSES)
            counts[f"{RELIABILITY}|{threshold:g}"] = [*pixels.tolist(), *exceeded.tolist()]
    return counts


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


def table(counts: Mapping[str, Sequence[int]], method: str, threshold: float) -> ContingencyTable:
    """The contingency table of a method and threshold; empty where nothing was counted."""
    return ContingencyTable(*counts.get(f"{method}|{threshold:g}", ()))
