"""Counts of one forecast against one frame; all methods are counted on the same pixels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from echocast.model.extrapolation.area_matched import decoded_events
from echocast.model.formats.forecast_lead import ForecastLead
from echocast.model.frames import FloatArray
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import (
    BESIDE_CHALLENGER,
    CHALLENGER,
    CLASSES,
    DECODED,
    EXTRAPOLATION,
    MODEL,
    PERSISTENCE,
    RELIABILITY,
    STREAM_THRESHOLDS_DBZ,
    Counts,
)

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
        roles: As what the forecast counts; with ``model`` come its references, and with
            ``challenger`` decoded extrapolation under a name of its own.
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
    for role, reference in ((MODEL, DECODED), (CHALLENGER, BESIDE_CHALLENGER)):
        if role in roles:
            size = pixel_km or DEFAULT_PIXEL_KM
            methods[reference] = decoded_events(
                lead.extrapolation_dbz, STREAM_THRESHOLDS_DBZ, lead_minutes, size
            )
    if MODEL in roles:
        methods[EXTRAPOLATION] = _events(lead.extrapolation_dbz)
        methods[PERSISTENCE] = _events(lead.persistence_dbz)
        counts |= _reliability(lead, observed, seen)
    for method, forecast in methods.items():
        for threshold, yes, happened in zip(STREAM_THRESHOLDS_DBZ, forecast, observed, strict=True):
            table = ContingencyTable.of_events(yes, happened, seen)
            counts[f"{method}|{threshold:g}"] = list(table.counts)
    return counts


def _events(values_dbz: FloatArray) -> Events:
    with np.errstate(invalid="ignore"):
        return [values_dbz >= threshold for threshold in STREAM_THRESHOLDS_DBZ]


def _reliability(
    lead: ForecastLead, observed: Events, seen: NDArray[np.bool_]
) -> dict[str, list[int]]:
    """Pixels in each class of probability, and how many of them the event came to."""
    if lead.exceedance_probability is None:
        return {}
    chances = dict(zip(lead.thresholds_dbz, lead.exceedance_probability, strict=True))
    counts = {}
    for threshold, happened in zip(STREAM_THRESHOLDS_DBZ, observed, strict=True):
        if (chance := chances.get(threshold)) is not None:
            known = seen & np.isfinite(chance)
            classes = np.where(known, chance * CLASSES, 0).astype(np.uint8)
            pixels, exceeded = _by_class(classes, known), _by_class(classes, known & happened)
            counts[f"{RELIABILITY}|{threshold:g}"] = [*pixels, *exceeded]
    return counts


def _by_class(classes: NDArray[np.uint8], among: NDArray[np.bool_]) -> list[int]:
    """How many of some pixels are in each class; whatever is above the last is in it too."""
    at_least = [int(np.count_nonzero((classes >= k) & among)) for k in range(CLASSES)]
    return [more - fewer for more, fewer in pairwise([*at_least, 0])]
