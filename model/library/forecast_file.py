"""A forecast as a Dataset, back as the file that it was read from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import xarray as xr

from echocast.model.errors import ContractViolation
from echocast.model.library.given_arrays import write_file
from echocast.model.quantisation import MISSING_COUNT, PACKING

SCORED = ("reflectivity", "reflectivity_extrapolation", "reflectivity_last_observed")
PACKED = {"dtype": "int16", "scale_factor": PACKING, "add_offset": 0.0, "_FillValue": MISSING_COUNT}


@contextmanager
def scored_file(forecast: xr.Dataset) -> Iterator[Path]:
    """A file with what is scored of a forecast, deleted afterwards.

    Raises:
        ContractViolation: The Dataset is no forecast of Echocast.
    """
    check_forecast(forecast, SCORED)
    scored = _without_encoding(forecast[list(SCORED)])
    with TemporaryDirectory(prefix="echocast-") as folder:
        path = Path(folder) / "forecast.nc"
        write_file(scored, path, dict.fromkeys(SCORED, _packed(forecast)))
        yield path


def check_forecast(forecast: xr.Dataset, names: tuple[str, ...]) -> None:
    """Make sure that a Dataset has variables of a forecast with its lead times.

    Raises:
        ContractViolation: It is no Dataset, or lacks one.
    """
    known = forecast.variables if isinstance(forecast, xr.Dataset) else ()
    lacking = [name for name in ("forecast_period", *names) if name not in known]
    if lacking:
        raise ContractViolation(
            "A forecast must be a Dataset as echocast.nowcast gives it, or an open forecast file,"
            f" but this {type(forecast).__name__} has no {', '.join(lacking)}.",
            rule="variable-missing",
        )


def minutes_of(forecast: xr.Dataset) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Lead times in minutes, (time,); xarray may have read them as times or as numbers."""
    leads = np.atleast_1d(forecast.forecast_period.values)
    return np.asarray(leads / np.timedelta64(1, "m") if leads.dtype.kind == "m" else leads, float)


def _without_encoding(forecast: xr.Dataset) -> xr.Dataset:
    """What matters of its layout: axes in order, times and lead times as numbers."""
    period = (forecast.forecast_period.dims, minutes_of(forecast), {"units": "minutes"})
    plain = forecast.drop_encoding().assign_coords(forecast_period=period)
    return plain.transpose("time", "y", "x", missing_dims="ignore")


def _packed(forecast: xr.Dataset) -> dict[str, Any]:
    return PACKED | ({"grid_mapping": "crs"} if "crs" in forecast.variables else {})
