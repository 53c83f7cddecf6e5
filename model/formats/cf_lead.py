"""One lead time of a forecast file, without reading the others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import NDArray

from model.formats.cf_layout import open_forecast
from model.formats.netcdf_time import read_times
from model.frames import FloatArray
from model.packing import unpacked_dbz, unpacked_probability


@dataclass(frozen=True, eq=False)
class ForecastLead:
    """What a forecast says of one valid time; fields are (height, width), NaN where unknown.

    Args:
        valid_time: What the fields depict.
        reflectivity_dbz: The default product.
        extrapolation_dbz: Pure extrapolation.
        persistence_dbz: The newest observed frame, where there is a forecast.
        thresholds_dbz: Of the probabilities; may be empty.
        exceedance_probability: (threshold, height, width) in 0..1; None without thresholds.
    """

    valid_time: datetime
    reflectivity_dbz: FloatArray
    extrapolation_dbz: FloatArray
    persistence_dbz: FloatArray
    thresholds_dbz: tuple[float, ...] = ()
    exceedance_probability: NDArray[np.float32] | None = None


def read_lead(path: Path, valid_time: datetime) -> ForecastLead | None:
    """One lead time of a file that :func:`model.formats.cf.write_forecast` wrote.

    Args:
        path: The file.
        valid_time: Which lead; None is returned where the forecast has no such lead.

    Raises:
        UnreadableInput: The file is damaged or not NetCDF.
        UnsupportedInput: It is NetCDF, but not one of our forecasts.
    """
    with open_forecast(path) as dataset:
        times = read_times(dataset.variables["time"], "time")
        return _lead(dataset, times.index(valid_time), valid_time) if valid_time in times else None


def _lead(dataset: netCDF4.Dataset, lead: int, valid_time: datetime) -> ForecastLead:
    reflectivity = unpacked_dbz(_counts(dataset, "reflectivity", lead))
    last = unpacked_dbz(_counts(dataset, "reflectivity_last_observed", ...))
    thresholds: tuple[float, ...] = ()
    chances = None
    if "exceedance_probability" in dataset.variables:
        thresholds = tuple(float(value) for value in dataset.variables["threshold"][:])
        counts = _counts(dataset, "exceedance_probability", (slice(None), lead))
        chances = unpacked_probability(counts)
    return ForecastLead(
        valid_time,
        reflectivity,
        unpacked_dbz(_counts(dataset, "reflectivity_extrapolation", lead)),
        np.where(np.isnan(reflectivity), np.float32(np.nan), last),
        thresholds,
        chances,
    )


def _counts(dataset: netCDF4.Dataset, name: str, where: object) -> NDArray[Any]:
    variable = dataset.variables[name]
    variable.set_auto_maskandscale(False)
    return np.asarray(variable[where])
