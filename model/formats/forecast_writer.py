"""CF NetCDF files: a forecast with everything needed to verify it, or plain frames.

Values are packed to 0.01 dBZ; what :func:`read_forecast` reads back is the forecast that is scored.
Forecasts on small grids are NetCDF classic files, which are written in half the time; all others
are NetCDF-4, compressed.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import netCDF4
import numpy as np
from numpy.typing import NDArray

from echocast.model.forecast import Forecast, ForecastStream
from echocast.model.formats.cf_layout import (
    CONVENTIONS,
    create_packed,
    reflectivity_attributes,
    write_grid,
    write_packed,
    write_scalar_time,
    write_times,
)
from echocast.model.formats.forecast_attributes import global_attributes
from echocast.model.formats.forecast_storage import (
    NOT_STORED,
    PRODUCTS,
    WHOLE,
    ForecastStorage,
    Level,
)
from echocast.model.formats.lead_source import write_lead_sources
from echocast.model.formats.netcdf.access import new_classic_netcdf, open_netcdf, unlocked
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray
from echocast.model.quantisation import (
    PROBABILITY_MISSING,
    PROBABILITY_OFFSET,
    PROBABILITY_PACKING,
    packed_dbz,
    packed_probability,
)

EXCEEDANCE = PRODUCTS["probabilities"]
REFLECTIVITY = "equivalent_reflectivity_factor"
SMALL_PIXELS = 128 * 128  # grids up to here are written in the classic format
LEADS = "forecast_reference_time forecast_period"
REFLECTIVITIES = {  # by lead time; the forecast is the first, and alone has the standard name
    "reflectivity": "forecast radar reflectivity",
    "reflectivity_expected": "forecast radar reflectivity of least expected error",
    "reflectivity_sharp": "forecast radar reflectivity with intensities as observed last",
    "reflectivity_extrapolation": "radar reflectivity extrapolated along the motion of the echoes",
}
MORE_ATTRIBUTES = {
    "reflectivity": {"standard_name": REFLECTIVITY},
    "reflectivity_sharp": {
        "comment": "For looking at, not for scores: the order of the expected reflectivity with the"
        " intensities of the newest observed frame (probability matching). What is expected to be"
        " dry stays dry."
    },
}


def write_frames(frames: Frames, path: Path) -> None:
    """Write frames as a plain CF file that :func:`.readers.read_frames` reads back.

    Args:
        frames: What to write; values are packed to 0.01 dBZ.
        path: The new file.
    """
    with open_netcdf(path, "w") as dataset:
        dataset.setncatts(
            {"title": "Radar reflectivity", "history": "written by Echocast", **frames.attributes}
        )
        dataset.setncattr("Conventions", CONVENTIONS)
        write_times(dataset, frames.times)
        write_grid(dataset, frames.grid)
        attributes = reflectivity_attributes(frames, "radar reflectivity")
        attributes["standard_name"] = REFLECTIVITY
        create_packed(dataset, "reflectivity", ("time", "y", "x"), attributes)
        variable, values = dataset.variables["reflectivity"], frames.reflectivity_dbz
        write_packed(variable, values, packed_dbz, (0,))


def write_forecast(forecast: Forecast, path: Path) -> None:
    """Write a forecast and its reference methods as one CF file.

    Args:
        forecast: What to write; values are packed to 0.01 dBZ, probabilities to 0.004.
        path: The new file.
    """
    write_forecast_stream(forecast.stream(), path)


def write_forecast_stream(
    forecast: ForecastStream, path: Path, storage: ForecastStorage = WHOLE
) -> None:
    """Write a forecast part by part, each as it is asked for: little of it is in memory.

    Others may call the NetCDF library while a part is made.

    Args:
        forecast: At least one lead time.
        path: The new file.
        storage: Products that are written, and how they are compressed; all lead times are.

    Raises:
        OSError: The file can't be written as a whole.
    """
    first = next(forecast.parts)
    last, pack = np.full(first.frames.grid.shape, np.nan, np.float32), _packing(first)
    small = last.size <= SMALL_PIXELS
    with new_classic_netcdf(path) if small else open_netcdf(path, "w") as dataset:
        dataset.setncatts(global_attributes(first, forecast))
        _create(dataset, first, forecast, storage)
        done, everything = 0, chain([first], _unlocked_parts(forecast.parts))
        del first  # its fields may be large
        for part in everything:
            _write_part(dataset, part, done)
            np.fmax(last, _last_observed(part), out=last)
            done += len(part.frames)
            del part  # before the next one is made
        write_packed(dataset.variables["reflectivity_last_observed"], last, pack, ())


def _unlocked_parts(parts: Iterator[Forecast]) -> Iterator[Forecast]:
    while True:
        with unlocked():
            part = next(parts, None)
        if part is None:
            return
        yield part
        del part


def _create(
    dataset: netCDF4.Dataset, part: Forecast, forecast: ForecastStream, storage: ForecastStorage
) -> None:
    """Coordinates, and variables whose values follow; what is left out is named."""
    created = partial(create_packed, level=storage.compression_level)
    if left_out := [name for name in storage.left_out if _has(part, name)]:
        dataset.setncattr(NOT_STORED, ", ".join(left_out))
    write_times(dataset, forecast.valid_times)
    write_grid(dataset, part.frames.grid)
    write_scalar_time(dataset, "forecast_reference_time", part.forecast_reference_time)
    variable = dataset.createVariable("forecast_period", "f8", ("time",))
    names = {"standard_name": "forecast_period", "long_name": "valid time minus reference time"}
    variable.setncatts({**names, "units": "minutes"})
    variable[:] = forecast.lead_minutes
    write_lead_sources(dataset, forecast.lead_sources)
    for name, long_name in REFLECTIVITIES.items():
        if name in storage.left_out or not _has(part, name):
            continue
        attributes = reflectivity_attributes(part.frames, long_name)
        attributes |= {"coordinates": LEADS, **MORE_ATTRIBUTES.get(name, {})}
        created(dataset, name, ("time", "y", "x"), attributes)
    long_name = "newest observed radar reflectivity where there is a forecast"
    attributes = reflectivity_attributes(part.frames, long_name)
    attributes["coordinates"] = "forecast_reference_time"
    created(dataset, "reflectivity_last_observed", ("y", "x"), attributes)
    if _has(part, EXCEEDANCE) and EXCEEDANCE not in storage.left_out:
        _create_exceedance(dataset, part.exceedance_thresholds_dbz, storage.compression_level)


def _has(part: Forecast, name: str) -> bool:
    """Whether there is anything to write in a variable besides what others hold."""
    if name == EXCEEDANCE:
        return part.exceedance_probability is not None
    return name != "reflectivity_expected" or part.expected is not None


def _fields(part: Forecast, names: Container[str]) -> Iterator[tuple[str, Frames]]:
    """Reflectivity by variable; each is written before the next one is asked for."""
    yield "reflectivity", part.frames
    if part.expected is not None and "reflectivity_expected" in names:
        yield "reflectivity_expected", part.expected
    if "reflectivity_sharp" in names:
        yield "reflectivity_sharp", part.sharp()
    yield "reflectivity_extrapolation", part.extrapolation


def _packing(part: Forecast) -> Callable[[FloatArray], NDArray[np.int16]]:
    return partial(_dried, no_rain_dbz=part.frames.no_rain_dbz)


def _write_part(dataset: netCDF4.Dataset, part: Forecast, done: int) -> None:
    """The lead times of a part, after those that are done."""
    variables = dataset.variables
    for name, frames in _fields(part, variables):
        write_packed(variables[name], frames.reflectivity_dbz, _packing(part), (done,))
    if part.exceedance_probability is not None and EXCEEDANCE in variables:
        probabilities = variables[EXCEEDANCE]
        write_packed(probabilities, part.exceedance_probability, packed_probability, (0, done))


def _dried(values: FloatArray, no_rain_dbz: float) -> NDArray[np.int16]:
    """Packed counts where dry pixels, 0 dBZ or less, hold the floor of the product."""
    return packed_dbz(np.where(values <= 0, np.float32(no_rain_dbz), values))


def _last_observed(forecast: Forecast) -> FloatArray:
    """Persistence (time, y, x) folded into one frame (y, x)."""
    frames = forecast.persistence.reflectivity_dbz
    return np.asarray(np.fmax.reduce(frames, axis=0), dtype=np.float32)


def _create_exceedance(
    dataset: netCDF4.Dataset, thresholds_dbz: Sequence[float], level: Level
) -> None:
    dataset.createDimension("threshold", len(thresholds_dbz))
    thresholds = dataset.createVariable("threshold", "f8", ("threshold",))
    thresholds.setncatts({"long_name": "reflectivity threshold", "units": "dBZ"})
    thresholds[:] = thresholds_dbz
    attributes = {
        "_FillValue": PROBABILITY_MISSING,
        "long_name": "probability that reflectivity reaches the threshold",
        "units": "1",
        "scale_factor": PROBABILITY_PACKING,
        "add_offset": PROBABILITY_OFFSET,
        "coordinates": LEADS,
    }
    axes = ("threshold", "time", "y", "x")
    create_packed(dataset, EXCEEDANCE, axes, attributes, level)
