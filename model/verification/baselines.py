"""What a model is compared with: nothing that is fitted, and pysteps where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from echocast.model.extrapolation.area_matched import decoded_field
from echocast.model.forecast import Forecast
from echocast.model.frames import Frames
from echocast.model.grid import DEFAULT_PIXEL_KM, FloatArray
from echocast.model.verification.counts import (
    DECODED,
    EXPECTED,
    EXTRAPOLATION,
    MODEL,
    PERSISTENCE,
    THRESHOLDS_DBZ,
)


@dataclass(frozen=True, eq=False)
class MethodFields:
    """Forecasts of several methods for the same times.

    Args:
        fields: By method, each (lead, height, width) in dBZ, NaN where missing.
        probabilities: By probabilistic method, each (threshold, lead, height, width), 0 to 1 at
            ``THRESHOLDS_DBZ``, NaN where missing.
    """

    fields: Mapping[str, FloatArray]
    probabilities: Mapping[str, FloatArray] = field(default_factory=dict)

    def __or__(self, other: MethodFields) -> MethodFields:
        """The methods of both."""
        return MethodFields(
            {**self.fields, **other.fields}, {**self.probabilities, **other.probabilities}
        )


Reference = Callable[[Frames, int], MethodFields]  # of the inputs, so many leads


def method_fields(forecast: Forecast) -> MethodFields:
    """The methods that a forecast has itself: model, its other product, extrapolation, ..."""
    extrapolation = forecast.extrapolation.reflectivity_dbz
    pixel_km = forecast.frames.grid.pixel_size_km or DEFAULT_PIXEL_KM
    decoded = [
        decoded_field(frame, minutes, pixel_km)
        for frame, minutes in zip(extrapolation, forecast.lead_minutes, strict=True)
    ]
    fields = {
        MODEL: forecast.frames.reflectivity_dbz,
        EXPECTED: (forecast.expected or forecast.frames).reflectivity_dbz,
        EXTRAPOLATION: extrapolation,
        DECODED: np.stack(decoded),
        PERSISTENCE: forecast.persistence.reflectivity_dbz,
    }
    return MethodFields(fields, _probabilities(forecast))


def _probabilities(forecast: Forecast) -> dict[str, FloatArray]:
    """The model's probabilities at ``THRESHOLDS_DBZ``; none where it lacks one of these."""
    known, probability = forecast.exceedance_thresholds_dbz, forecast.exceedance_probability
    if probability is None or not set(THRESHOLDS_DBZ) <= set(known):
        return {}
    chosen = probability[[known.index(threshold) for threshold in THRESHOLDS_DBZ]]
    return {MODEL: chosen.astype(np.float32)}
