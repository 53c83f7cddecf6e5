"""Counts of one forecast against one frame; all methods are counted on the same pixels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from echocast.model.extrapolation.area_matched import decoded_events
from echocast.model.formats.forecast_lead import ForecastLead
from echocast.model.frames import unmasked
from echocast.model.grid import DEFAULT_PIXEL_KM, FloatArray
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
    ContingencyCounts,
    Counts,
    Events,
    beyond_network,
    count_events,
    events,
    with_lead,
)


def count(
    lead: ForecastLead,
    observed_dbz: FloatArray,
    roles: Sequence[str],
    lead_minutes: float,
    pixel_km: float | None,
    *,
    beyond: bool = False,
) -> Counts:
    """The counts of one forecast and one frame, by name, see :mod:`.counts`.

    Args:
        lead: The forecast of the frame's time.
        observed_dbz: The frame, (height, width) in dBZ, NaN or masked where missing.
        roles: As what the forecast counts; with ``model`` come its references, and with
            ``challenger`` decoded extrapolation under a name of its own.
        lead_minutes: Lead time.
        pixel_km: Side of a pixel; None: 1 km.
        beyond: Whether the lead is one after the network's.
    """
    observed_dbz = unmasked(observed_dbz)
    valid = np.isfinite(observed_dbz)
    for values in (lead.reflectivity_dbz, lead.extrapolation_dbz, lead.persistence_dbz):
        valid &= np.isfinite(values)
    observed = events(observed_dbz, STREAM_THRESHOLDS_DBZ)
    methods: dict[str, Events] = {
        role: events(lead.reflectivity_dbz, STREAM_THRESHOLDS_DBZ) for role in roles
    }
    named = {f"forecasts|{role}": [1] for role in roles}
    for role, reference in ((MODEL, DECODED), (CHALLENGER, BESIDE_CHALLENGER)):
        if role in roles:
            size = pixel_km or DEFAULT_PIXEL_KM
            methods[reference] = decoded_events(
                lead.extrapolation_dbz, STREAM_THRESHOLDS_DBZ, lead_minutes, size
            )
    if MODEL in roles:
        methods[EXTRAPOLATION] = events(lead.extrapolation_dbz, STREAM_THRESHOLDS_DBZ)
        methods[PERSISTENCE] = events(lead.persistence_dbz, STREAM_THRESHOLDS_DBZ)
        named |= _reliability(lead, observed, valid)
    cells = count_events(methods.values(), observed, valid)[:, :, None]
    layout = tuple(methods), STREAM_THRESHOLDS_DBZ, (lead_minutes,)
    counts = with_lead(named, lead_minutes) | ContingencyCounts(*layout, cells).to_named()
    return beyond_network(counts) if beyond else counts


def _reliability(
    lead: ForecastLead, observed: Sequence[NDArray[np.bool_]], valid: NDArray[np.bool_]
) -> dict[str, list[int]]:
    """Pixels in each class of probability, and those of them where the event was observed."""
    if lead.exceedance_probability is None:
        return {}
    probabilities = dict(zip(lead.thresholds_dbz, lead.exceedance_probability, strict=True))
    counts = {}
    for threshold, event in zip(STREAM_THRESHOLDS_DBZ, observed, strict=True):
        if (probability := probabilities.get(threshold)) is not None:
            known = valid & np.isfinite(probability)
            classes = np.where(known, probability * CLASSES, 0).astype(np.uint8)
            pixels, exceeded = _by_class(classes, known), _by_class(classes, known & event)
            counts[f"{RELIABILITY}|{threshold:g}"] = [*pixels, *exceeded]
    return counts


def _by_class(classes: NDArray[np.uint8], among: NDArray[np.bool_]) -> list[int]:
    """How many of some pixels are in each class; those above the last class count in it."""
    at_least = [int(np.count_nonzero((classes >= k) & among)) for k in range(CLASSES)]
    return [more - fewer for more, fewer in pairwise([*at_least, 0])]
