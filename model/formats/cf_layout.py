"""How a grid and its times are laid out in a CF NetCDF file.

Source: CF conventions 1.11, chapters 4 (coordinates), 5.6 (grid mappings) and 8.1 (packing).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from operator import add
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import UnsupportedInput
from echocast.model.formats.forecast_storage import Level
from echocast.model.formats.netcdf.access import Variable, damage_is_unreadable, open_netcdf
from echocast.model.frames import Frames
from echocast.model.grid import GEOLOCATION, FloatArray, Grid
from echocast.model.quantisation import MISSING_COUNT, PACKING, floor_as_written

CONVENTIONS = "CF-1.11"
EPOCH = "seconds since 1970-01-01 00:00:00"
GRID_MAPPING = "crs"
ONE_CHUNK_BYTES = 2**20  # smaller variables are one chunk, larger ones a chunk a frame or more
CHUNK_PIXELS = 512  # a side, at most

_PROJECTED = {"Y": "projection_y_coordinate", "X": "projection_x_coordinate"}
_GEOGRAPHIC = {"Y": ("latitude", "degrees_north"), "X": ("longitude", "degrees_east")}
_ROTATED = {"Y": ("grid_latitude", "degrees"), "X": ("grid_longitude", "degrees")}


@contextmanager
def open_forecast(path: Path) -> Iterator[netCDF4.Dataset]:
    """An open file that :func:`.forecast_writer.write_forecast` wrote, closed afterwards.

    Raises:
        UnreadableInput: The file is damaged or not NetCDF.
        UnsupportedInput: It is NetCDF, but not one of our forecasts.
    """
    with damage_is_unreadable(path), open_netcdf(path) as dataset:
        if "reflectivity_last_observed" not in dataset.variables:
            raise UnsupportedInput(f"{path.name} is not a forecast file of Echocast.")
        yield dataset


@contextmanager
def open_fields(path: Path) -> Iterator[Mapping[str, Any]]:
    """The arrays of a file by name, which give parts as they are stored: times since 1970.

    NetCDF-4 files are read as what they are, HDF5: the NetCDF library takes longer to open one
    than to read a frame.
    """
    with damage_is_unreadable(path):
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                yield file
        else:
            with open_forecast(path) as dataset:
                dataset.set_auto_maskandscale(False)
                yield dataset.variables


def write_grid(dataset: netCDF4.Dataset, grid: Grid) -> None:
    """Add dimensions and coordinates ``y``, ``x`` and, where known, all else that places pixels.

    That is the grid mapping ``crs``, and ``latitude`` and ``longitude`` of each pixel.
    """
    for axis, values in (("Y", grid.y), ("X", grid.x)):
        name = axis.lower()
        dataset.createDimension(name, len(values))
        variable = dataset.createVariable(name, "f8", (name,))
        variable.setncatts(coordinate_attributes(grid, axis))
        variable[:] = values
    if grid.crs:
        mapping = dataset.createVariable(GRID_MAPPING, "i4")
        mapping.setncatts(dict(grid.crs))
        mapping[...] = 0
    for name in GEOLOCATION:
        if (degrees := getattr(grid, name)) is not None:
            variable = dataset.createVariable(
                name, "f4", ("y", "x"), compression="zlib", shuffle=True, fill_value=np.nan
            )
            variable.setncatts(geolocation_attributes(name))
            variable[:] = degrees


def geolocation_attributes(name: str) -> dict[str, str]:
    """Attributes of the latitude or longitude of each pixel."""
    return {"standard_name": name, "units": _GEOGRAPHIC["Y" if name == "latitude" else "X"][1]}


def coordinate_attributes(grid: Grid, axis: str) -> dict[str, str]:
    """Attributes of the coordinate of an axis, ``Y`` or ``X``.

    ``axis`` and standard name go only where longitude and latitude can be worked out.
    """
    if grid.units == "1":
        return {"long_name": f"{axis.lower()} pixel number", "units": "1"}
    long_name = f"{axis.lower()} of pixel centre"
    if grid.units == "degree":
        rotated = grid.crs.get("grid_mapping_name") == "rotated_latitude_longitude"
        standard_name, units = (_ROTATED if rotated else _GEOGRAPHIC)[axis]
    elif grid.crs:
        standard_name, units = _PROJECTED[axis], grid.units
    else:
        return {"long_name": long_name, "units": grid.units}
    return {"long_name": long_name, "standard_name": standard_name, "units": units, "axis": axis}


def write_times(dataset: netCDF4.Dataset, times: Sequence[datetime]) -> None:
    """Add the dimension and coordinate ``time``: when each frame is valid."""
    dataset.createDimension("time", len(times))
    variable = dataset.createVariable("time", "f8", ("time",))
    variable.setncatts({**_clock("time", "valid time"), "axis": "T"})
    variable[:] = [time.timestamp() for time in times]


def write_scalar_time(dataset: netCDF4.Dataset, name: str, time: datetime) -> None:
    """Add a scalar time whose name is its CF standard name."""
    variable = dataset.createVariable(name, "f8")
    variable.setncatts(_clock(name, name.replace("_", " ")))
    variable[...] = time.timestamp()


def _clock(standard_name: str, long_name: str) -> dict[str, str]:
    return {
        "standard_name": standard_name,
        "long_name": long_name,
        "units": EPOCH,
        "calendar": "standard",
        "units_metadata": "leap_seconds: none",
    }


def create_packed(
    dataset: netCDF4.Dataset,
    name: str,
    dimensions: tuple[str, ...],
    attributes: Mapping[str, Any],
    level: Level = 1,
) -> None:
    """Add a variable of packed values, compressed where the format can; nothing is in it yet.

    Args:
        dataset: The open file.
        name: Of the variable.
        dimensions: One name per axis, ending in those of the grid.
        attributes: With scale and ``_FillValue``, whose type is that of the counts.
        level: Of the compression, 1 (fastest) to 9 (smallest).
    """
    rest = dict(attributes)
    missing = rest.pop("_FillValue")
    shape = tuple(len(dataset.dimensions[axis]) for axis in dimensions)
    small = math.prod(shape) * missing.dtype.itemsize < ONE_CHUNK_BYTES
    chunks = (*(1 for _ in shape[:-2]), *map(_chunk_side, shape[-2:]))
    variable = dataset.createVariable(
        name,
        missing.dtype,
        dimensions,
        compression="zlib",
        complevel=level,
        shuffle=True,
        chunksizes=shape if small else chunks,
        fill_value=missing,
    )
    variable.set_auto_maskandscale(False)
    if dataset.data_model == "NETCDF4":  # whole chunks are written: none needs to wait in memory
        variable.set_var_chunk_cache(size=ONE_CHUNK_BYTES)
    if GRID_MAPPING in dataset.variables:
        rest["grid_mapping"] = GRID_MAPPING
    if "latitude" in dataset.variables:
        rest["coordinates"] = f"{rest.get('coordinates', '')} latitude longitude".strip()
    variable.setncatts(rest)


def write_packed(
    variable: Variable,
    values: FloatArray,
    pack: Callable[[FloatArray], NDArray[Any]],
    first: tuple[int, ...],
) -> None:
    """Write values of a variable; of a large one, one frame at a time lies packed in memory.

    Args:
        variable: As :func:`create_packed` made it.
        values: (..., y, x), NaN where missing.
        pack: Values to counts.
        first: Where they begin in the variable, an index for each axis but those of the grid.
    """
    small = variable.size * variable.dtype.itemsize < ONE_CHUNK_BYTES
    if small:
        spans = zip(first, values.shape, strict=False)
        variable[tuple(slice(start, start + count) for start, count in spans)] = pack(values)
        return
    for index in np.ndindex(values.shape[:-2]):
        variable[tuple(map(add, first, index))] = pack(values[index])


def _chunk_side(side: int) -> int:
    """Chunks of one size: what lies beyond the edge would be compressed and read for nothing."""
    return math.ceil(side / math.ceil(side / CHUNK_PIXELS))


def read_packed(variable: Variable, unpack: Callable[[NDArray[Any]], FloatArray]) -> FloatArray:
    """Values that :func:`write_packed` wrote, NaN where missing; large ones frame by frame.

    Args:
        variable: Of an open file.
        unpack: Counts to values.
    """
    variable.set_auto_maskandscale(False)
    values = np.empty(variable.shape, np.float32)
    small = values.size * variable.dtype.itemsize < ONE_CHUNK_BYTES
    for part in [...] if small else np.ndindex(values.shape[:-2]):
        values[part] = unpack(np.asarray(variable[part]))
    return values


def reflectivity_attributes(frames: Frames, long_name: str) -> dict[str, Any]:
    """Attributes of a packed reflectivity variable, without its standard name."""
    return {
        "_FillValue": MISSING_COUNT,
        "long_name": long_name,
        "units": "dBZ",
        "scale_factor": PACKING,
        "add_offset": 0.0,
        "no_rain_value": floor_as_written(frames.no_rain_dbz),
    }
