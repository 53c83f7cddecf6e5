"""The forecast in a CF NetCDF file that :mod:`model.formats.cf` wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from model.forecast import Forecast, ModelIdentity
from model.formats.cf_layout import open_forecast, read_packed
from model.formats.netcdf_grid import read_grid
from model.formats.netcdf_time import read_scalar_time, read_times
from model.frames import FloatArray, Frames
from model.packing import unpacked_dbz, unpacked_probability


def read_forecast(path: Path, *, only_methods: bool = False) -> Forecast:
    """The forecast in a file that :func:`write_forecast` wrote.

    Args:
        path: The file.
        only_methods: Leave out what is not scored: the expected reflectivity and probabilities.

    Returns:
        The forecast with values as packed in the file.

    Raises:
        UnreadableInput: The file is damaged or not NetCDF.
        UnsupportedInput: It is NetCDF, but not one of our forecasts.
    """
    with open_forecast(path) as dataset:
        attributes = {name: dataset.getncattr(name) for name in dataset.ncattrs()}
        methods = _methods(dataset, attributes)
        return methods if only_methods else _with_products(dataset, methods)


def read_expected(path: Path, frames: Frames) -> Frames:
    """The expected reflectivity in a file that :func:`write_forecast` wrote.

    Args:
        path: The file.
        frames: Its default product; returned where the file holds no other.
    """
    with open_forecast(path) as dataset:
        if "reflectivity_expected" not in dataset.variables:
            return frames
        return frames.with_values(_dbz(dataset, "reflectivity_expected"), frames.times)


def read_exceedance(path: Path) -> Iterator[tuple[float, Iterator[FloatArray]]]:
    """Threshold after threshold in dBZ, with its probabilities lead after lead; one at a time.

    Yields:
        A threshold, and arrays (y, x) of probabilities in 0..1, NaN where missing.
    """
    with open_forecast(path) as dataset:
        if "exceedance_probability" in dataset.variables:
            chances = dataset.variables["exceedance_probability"]
            chances.set_auto_maskandscale(False)
            for index, threshold in enumerate(dataset.variables["threshold"][:]):
                leads = range(chances.shape[1])
                planes = (unpacked_probability(chances[index, lead]) for lead in leads)
                yield float(threshold), planes


def _methods(dataset: netCDF4.Dataset, attributes: Mapping[str, Any]) -> Forecast:
    reflectivity = dataset.variables["reflectivity"]
    frames = Frames(
        _dbz(dataset, "reflectivity"),
        read_times(dataset.variables["time"], "time"),
        read_grid(dataset, reflectivity, ("y", "x")),
        float(reflectivity.getncattr("no_rain_value")),
        json.loads(attributes["input_attributes"]),
    )
    last = _dbz(dataset, "reflectivity_last_observed")
    repeated = np.where(frames.missing, np.float32(np.nan), last)
    return Forecast(
        frames=frames,
        extrapolation=frames.with_values(_dbz(dataset, "reflectivity_extrapolation"), frames.times),
        persistence=frames.with_values(repeated, frames.times),
        forecast_reference_time=read_scalar_time(dataset.variables["forecast_reference_time"]),
        model=ModelIdentity(
            attributes["model_name"],
            attributes["model_version"],
            attributes["model_weights_sha256"],
        ),
        input_sha256=attributes["input_sha256"],
        quality=json.loads(attributes["quality"]),
    )


def _with_products(dataset: netCDF4.Dataset, methods: Forecast) -> Forecast:
    frames, probability = methods.frames, None
    thresholds: tuple[float, ...] = ()
    if "exceedance_probability" in dataset.variables:
        thresholds = tuple(float(value) for value in dataset.variables["threshold"][:])
        chances = dataset.variables["exceedance_probability"]
        probability = read_packed(chances, unpacked_probability)
    return replace(
        methods,
        expected=frames.with_values(_dbz(dataset, "reflectivity_expected"), frames.times)
        if "reflectivity_expected" in dataset.variables
        else None,
        exceedance_thresholds_dbz=thresholds,
        exceedance_probability=probability,
    )


def _dbz(dataset: netCDF4.Dataset, name: str) -> FloatArray:
    return read_packed(dataset.variables[name], unpacked_dbz)
