"""CF NetCDF files: a forecast with everything needed to verify it, or plain frames.

Values are packed to 0.01 dBZ; what :func:`read_forecast` reads back is the forecast that is scored.
Forecasts on small grids are NetCDF classic files, which are written in half the time; all others
are NetCDF-4, compressed.
"""

from __future__ import annotations

import functools
import json
import math
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
from numpy.typing import NDArray

from model.forecast import Forecast
from model.formats.cf_layout import (
    CONVENTIONS,
    reflectivity_attributes,
    write_grid,
    write_packed,
    write_scalar_time,
    write_times,
)
from model.formats.cf_reader import read_forecast
from model.formats.netcdf_access import open_netcdf
from model.frames import FloatArray, Frames
from model.packing import (
    PROBABILITY_MISSING,
    PROBABILITY_OFFSET,
    PROBABILITY_PACKING,
    packed_dbz,
    packed_probability,
)

__all__ = ["read_forecast", "write_forecast", "write_frames"]

REFLECTIVITY = "equivalent_reflectivity_factor"
SMALL_PIXELS = 128 * 128  # grids up to here are written in the classic format
LEADS = "forecast_reference_time forecast_period"
EXTRAPOLATION = "optical flow (DIS) and semi-Lagrangian advection of the newest input frame"


def write_frames(frames: Frames, path: Path) -> None:
    """Write frames as a plain CF file that :func:`model.formats.readers.read_frames` reads back.

    Args:
        frames: What to write; values are packed to 0.01 dBZ.
        path: The new file.
    """
    with open_netcdf(path, "w") as dataset:
        dataset.setncatts(
            {"title": "Radar reflectivity", "history": "written by Echocast", **frames.attributes}
        )
        dataset.setncattr("Conventions", CONVENTIONS)
        _write_axes(dataset, frames)
        attributes = reflectivity_attributes(frames, "radar reflectivity")
        attributes["standard_name"] = REFLECTIVITY
        values = frames.reflectivity_dbz
        write_packed(dataset, "reflectivity", values, packed_dbz, ("time", "y", "x"), attributes)


def write_forecast(forecast: Forecast, path: Path) -> None:
    """Write a forecast and its reference methods as one CF file.

    Args:
        forecast: What to write; values are packed to 0.01 dBZ, probabilities to 0.004.
        path: The new file.
    """
    classic = math.prod(forecast.frames.grid.shape) <= SMALL_PIXELS
    with open_netcdf(path, "w", classic=classic) as dataset:
        dataset.setncatts(_global_attributes(forecast))
        _write_axes(dataset, forecast.frames)
        write_scalar_time(dataset, "forecast_reference_time", forecast.forecast_reference_time)
        _write_leads(dataset, forecast)
        _write_reflectivities(dataset, forecast)
        if forecast.exceedance_probability is not None:
            _write_exceedance(dataset, forecast, forecast.exceedance_probability)


def _write_axes(dataset: netCDF4.Dataset, frames: Frames) -> None:
    write_times(dataset, frames.times)
    write_grid(dataset, frames.grid)


def _write_leads(dataset: netCDF4.Dataset, forecast: Forecast) -> None:
    variable = dataset.createVariable("forecast_period", "f8", ("time",))
    names = {"standard_name": "forecast_period", "long_name": "valid time minus reference time"}
    variable.setncatts({**names, "units": "minutes"})
    variable[:] = forecast.lead_minutes


def _write_reflectivities(dataset: netCDF4.Dataset, forecast: Forecast) -> None:
    """The forecast, first and alone with its standard name; then extrapolation and persistence."""
    axes, frames = ("time", "y", "x"), forecast.frames
    pack = partial(_dried, no_rain_dbz=frames.no_rain_dbz)
    for name, long_name, values, dimensions, more in (
        (
            "reflectivity",
            "forecast radar reflectivity",
            frames.reflectivity_dbz,
            axes,
            {"standard_name": REFLECTIVITY, "coordinates": LEADS},
        ),
        *_expected(forecast, axes),
        (
            "reflectivity_extrapolation",
            "radar reflectivity extrapolated along the motion of the echoes",
            forecast.extrapolation.reflectivity_dbz,
            axes,
            {"coordinates": LEADS},
        ),
        (
            "reflectivity_last_observed",
            "newest observed radar reflectivity where there is a forecast",
            _last_observed(forecast),
            axes[1:],
            {"coordinates": "forecast_reference_time"},
        ),
    ):
        attributes = {**reflectivity_attributes(frames, long_name), **more}
        write_packed(dataset, name, values, pack, dimensions, attributes)


def _expected(
    forecast: Forecast, axes: tuple[str, ...]
) -> list[tuple[str, str, FloatArray, tuple[str, ...], dict[str, str]]]:
    """The expected product, where it is not the default one already."""
    if forecast.expected is None:
        return []
    name = "forecast radar reflectivity of least expected error"
    values = forecast.expected.reflectivity_dbz
    return [("reflectivity_expected", name, values, axes, {"coordinates": LEADS})]


def _dried(values: FloatArray, no_rain_dbz: float) -> NDArray[np.int16]:
    """Packed counts where dry pixels, 0 dBZ or less, hold the floor of the product."""
    return packed_dbz(np.where(values <= 0, np.float32(no_rain_dbz), values))


def _last_observed(forecast: Forecast) -> FloatArray:
    """Persistence (time, y, x) folded into one frame (y, x)."""
    frames = forecast.persistence.reflectivity_dbz
    return np.asarray(np.fmax.reduce(frames, axis=0), dtype=np.float32)


def _write_exceedance(
    dataset: netCDF4.Dataset, forecast: Forecast, probability: NDArray[np.float32]
) -> None:
    dataset.createDimension("threshold", len(forecast.exceedance_thresholds_dbz))
    thresholds = dataset.createVariable("threshold", "f8", ("threshold",))
    thresholds.setncatts({"long_name": "reflectivity threshold", "units": "dBZ"})
    thresholds[:] = forecast.exceedance_thresholds_dbz
    attributes = {
        "_FillValue": PROBABILITY_MISSING,
        "long_name": "probability that reflectivity reaches the threshold",
        "units": "1",
        "scale_factor": PROBABILITY_PACKING,
        "add_offset": PROBABILITY_OFFSET,
        "coordinates": LEADS,
    }
    axes = ("threshold", "time", "y", "x")
    write_packed(
        dataset, "exceedance_probability", probability, packed_probability, axes, attributes
    )


def _global_attributes(forecast: Forecast) -> dict[str, Any]:
    given = forecast.frames.attributes
    model = forecast.model
    software = f"Echocast {_version()}"
    reference = forecast.forecast_reference_time.isoformat()
    return {
        "Conventions": CONVENTIONS,
        "title": "Precipitation nowcast: radar reflectivity",
        "institution": given.get("institution", "not stated by the input"),
        "source": f"{model.name} {model.version} on {given.get('source', 'radar reflectivity')}",
        "history": f"{reference}: nowcast by {software}",
        "references": "https://arxiv.org/abs/1811.07490",
        "comment": "Missing pixels are those no radar echo could be followed to.",
        "software": software,
        "input_sha256": forecast.input_sha256,
        "input_attributes": json.dumps(dict(given), sort_keys=True),
        "model_name": model.name,
        "model_version": model.version,
        "model_weights_sha256": model.weights_sha256,
        "product": forecast.product,
        "extrapolation_method": EXTRAPOLATION,
        "quality": json.dumps(dict(forecast.quality), sort_keys=True),
    }


@functools.cache
def _version() -> str:
    """Of this software; looking it up takes longer than writing a small file."""
    return version("echocast")
