"""The forecast in a CF NetCDF file that :mod:`.forecast_writer` wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from echocast.model.forecast import Forecast, ForecastStream, ModelIdentity, leads_per_part
from echocast.model.formats.cf_layout import open_fields, open_forecast, read_packed
from echocast.model.formats.forecast_storage import check_stored, not_stored
from echocast.model.formats.lead_source import read_lead_sources
from echocast.model.formats.netcdf.grid import written_grid
from echocast.model.formats.netcdf.times import read_scalar_time, read_times
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray, Grid
from echocast.model.horizon import LeadSource
from echocast.model.quantisation import unpacked_dbz, unpacked_probability

METHODS = ("reflectivity", "reflectivity_extrapolation")  # beside the newest observation


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
        about, last = _about(dataset), _dbz(dataset, "reflectivity_last_observed")
        forecast, extrapolation = (_dbz(dataset, name) for name in METHODS)
        methods = about.methods(slice(None), forecast, extrapolation, last)
        return methods if only_methods else _with_products(dataset, methods)


def read_methods(path: Path) -> ForecastStream:
    """What is scored of a file that :func:`write_forecast` wrote, read when it is asked for.

    Raises:
        UnreadableInput: The file is damaged or not NetCDF.
        UnsupportedInput: It is NetCDF, but not one of our forecasts.
    """
    with open_forecast(path) as dataset:
        about, last = _about(dataset), _dbz(dataset, "reflectivity_last_observed")
    return ForecastStream(
        _parts(path, about, last),
        about.times,
        about.grid,
        about.forecast_reference_time,
        about.model,
        about.quality,
        lead_sources=about.lead_sources,
    )


def _parts(path: Path, about: _About, last: FloatArray) -> Iterator[Forecast]:
    together = leads_per_part(last.size)
    for first in range(0, len(about.times), together):
        which = slice(first, first + together)
        yield _read(path, about, which, last)


def _read(path: Path, about: _About, which: slice, last: FloatArray) -> Forecast:
    with open_fields(path) as fields:
        forecast, extrapolation = (unpacked_dbz(fields[name][which]) for name in METHODS)
    return about.methods(which, forecast, extrapolation, last)


def read_expected(path: Path, frames: Frames) -> Frames:
    """The expected reflectivity in a file that :func:`write_forecast` wrote.

    Args:
        path: The file.
        frames: Its default product; returned where that is the expected one.

    Raises:
        NotStored: The file goes without it on purpose.
    """
    with open_forecast(path) as dataset:
        check_stored(dataset, "reflectivity_expected")
        if "reflectivity_expected" not in dataset.variables:
            return frames
        return frames.derived(_dbz(dataset, "reflectivity_expected"), frames.times)


def read_sharp(path: Path, frames: Frames) -> Frames | None:
    """What a forecast may look like; None where a file does not hold it: it follows from others.

    Args:
        path: The file.
        frames: Its default product.
    """
    with open_forecast(path) as dataset:
        if "reflectivity_sharp" not in dataset.variables:
            return None
        return frames.derived(_dbz(dataset, "reflectivity_sharp"), frames.times)


def read_not_stored(path: Path) -> list[str]:
    """What a file goes without on purpose: names of variables, and lead times in words."""
    with open_forecast(path) as dataset:
        return not_stored(dataset)


def read_exceedance(path: Path) -> Iterator[tuple[float, Iterator[FloatArray]]]:
    """Threshold after threshold in dBZ, with its probabilities lead after lead; one at a time.

    Yields:
        A threshold, and arrays (y, x) of probabilities in 0..1, NaN where missing.
    """
    with open_forecast(path) as dataset:
        if "exceedance_probability" in dataset.variables:
            probabilities = dataset.variables["exceedance_probability"]
            probabilities.set_auto_maskandscale(False)
            for index, threshold in enumerate(dataset.variables["threshold"][:]):
                leads = range(probabilities.shape[1])
                planes = (unpacked_probability(probabilities[index, lead]) for lead in leads)
                yield float(threshold), planes


@dataclass(frozen=True)
class _About:
    """Everything but the fields."""

    times: tuple[datetime, ...]
    grid: Grid
    no_rain_dbz: float
    forecast_reference_time: datetime
    attributes: Mapping[str, Any]
    lead_sources: tuple[LeadSource, ...]

    @property
    def model(self) -> ModelIdentity:
        return ModelIdentity(
            *(self.attributes[f"model_{name}"] for name in ("name", "version", "weights_sha256"))
        )

    @property
    def quality(self) -> dict[str, str]:
        quality: dict[str, str] = json.loads(self.attributes["quality"])
        return quality

    def methods(
        self, which: slice, forecast: FloatArray, extrapolation: FloatArray, last: FloatArray
    ) -> Forecast:
        """Some lead times: two fields (time, y, x) and the newest observation (y, x) in dBZ."""
        given = json.loads(self.attributes["input_attributes"])
        grid, floor = self.grid, self.no_rain_dbz
        frames = Frames.trusted(forecast, self.times[which], grid, floor, given, {})
        repeated = np.where(frames.missing, np.float32(np.nan), last)
        return Forecast(
            frames=frames,
            extrapolation=frames.derived(extrapolation, frames.times),
            persistence=frames.derived(repeated, frames.times),
            forecast_reference_time=self.forecast_reference_time,
            model=self.model,
            input_sha256=self.attributes["input_sha256"],
            quality=self.quality,
            lead_sources=self.lead_sources[which],
        )


def _about(dataset: netCDF4.Dataset) -> _About:
    reflectivity = dataset.variables["reflectivity"]
    return _About(
        tuple(read_times(dataset.variables["time"], "time")),
        written_grid(dataset, reflectivity),
        float(reflectivity.getncattr("no_rain_value")),
        read_scalar_time(dataset.variables["forecast_reference_time"]),
        {name: dataset.getncattr(name) for name in dataset.ncattrs()},
        read_lead_sources(dataset.variables),
    )


def _with_products(dataset: netCDF4.Dataset, methods: Forecast) -> Forecast:
    frames, probability = methods.frames, None
    thresholds: tuple[float, ...] = ()
    if "exceedance_probability" in dataset.variables:
        thresholds = tuple(float(value) for value in dataset.variables["threshold"][:])
        probabilities = dataset.variables["exceedance_probability"]
        probability = read_packed(probabilities, unpacked_probability)
    return replace(
        methods,
        expected=frames.derived(_dbz(dataset, "reflectivity_expected"), frames.times)
        if "reflectivity_expected" in dataset.variables
        else None,
        exceedance_thresholds_dbz=thresholds,
        exceedance_probability=probability,
    )


def _dbz(dataset: netCDF4.Dataset, name: str) -> FloatArray:
    return read_packed(dataset.variables[name], unpacked_dbz)
