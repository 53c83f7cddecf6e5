"""Baselines to compare a model with: nothing that is fitted, and pysteps where it is installed."""

from __future__ import annotations

import contextlib
import importlib.util
import io
from collections.abc import Callable

import numpy as np

from echocast.model.extrapolation.area_matched import decoded_field
from echocast.model.forecast import Forecast
from echocast.model.frames import Frames
from echocast.model.grid import DEFAULT_PIXEL_KM, FloatArray
from echocast.model.verification.counts import DECODED, EXPECTED, EXTRAPOLATION, MODEL, PERSISTENCE

DRY_DBZ = 10.0  # pysteps: no rain below
CASCADE_LEVELS = 6

Reference = Callable[[Frames, int], dict[str, FloatArray]]


def method_fields(forecast: Forecast) -> dict[str, FloatArray]:
    """The methods of a forecast by name, each (lead, height, width) in dBZ, NaN where missing."""
    extrapolation = forecast.extrapolation.reflectivity_dbz
    pixel_km = forecast.frames.grid.pixel_size_km or DEFAULT_PIXEL_KM
    decoded = [
        decoded_field(frame, minutes, pixel_km)
        for frame, minutes in zip(extrapolation, forecast.lead_minutes, strict=True)
    ]
    return {
        MODEL: forecast.frames.reflectivity_dbz,
        EXPECTED: (forecast.expected or forecast.frames).reflectivity_dbz,
        EXTRAPOLATION: extrapolation,
        DECODED: np.stack(decoded),
        PERSISTENCE: forecast.persistence.reflectivity_dbz,
    }


def pysteps_fields(observed: Frames, steps: int) -> dict[str, FloatArray]:
    """Lucas-Kanade extrapolation and S-PROG of pysteps, each (lead, height, width) in dBZ.

    Missing pixels are given as dry, because pysteps needs values everywhere.
    """
    from pysteps import motion, nowcasts

    dbz = np.clip(np.nan_to_num(observed.reflectivity_dbz), 0, None)
    with contextlib.redirect_stdout(io.StringIO()):
        velocity = motion.get_method("LK")(dbz[-3:])
        moved = nowcasts.get_method("extrapolation")(dbz[-1], velocity, steps)
        smooth = nowcasts.get_method("sprog")(
            dbz[-3:],
            velocity,
            steps,
            precip_thr=DRY_DBZ,
            n_cascade_levels=CASCADE_LEVELS,
            probmatching_method="cdf",
        )
    unknown = np.isnan(moved)
    smooth = np.where(unknown, np.nan, np.nan_to_num(smooth))
    return {"pysteps LK": moved.astype(np.float32), "pysteps S-PROG": smooth.astype(np.float32)}


def installed() -> list[Reference]:
    """References beyond the forecast's own that are installed."""
    return [pysteps_fields] if importlib.util.find_spec("pysteps") else []
