"""What a Zarr store says of its values, as a NetCDF dataset in memory: one reader checks both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import netCDF4
import numpy as np

from echocast.model.errors import InputTooLarge, UnreadableInput, short
from echocast.model.formats.netcdf.access import netcdf_in_memory
from echocast.model.formats.zarr.store import values_read

if TYPE_CHECKING:
    import xarray as xr

MOST_COORDINATES = 2**26  # values of one coordinate; more are no axis and no plane of pixels
NUMBERS = "iuf"
RESERVED = ("_FillValue", "_NCProperties", "_ARRAY_DIMENSIONS")


@contextmanager
def description(store: xr.Dataset, where: str) -> Iterator[netCDF4.Dataset]:
    """Dimensions, attributes and coordinates of a store; of its fields all but the values.

    Args:
        store: Open, nothing decoded.
        where: Names the store in messages.

    Raises:
        UnreadableInput: A coordinate is damaged, or the names are none that NetCDF can have.
        InputTooLarge: A dimension is longer than any archive.
    """
    with netcdf_in_memory() as dataset:
        try:
            for name, length in store.sizes.items():
                dataset.createDimension(str(name), length)
            dataset.setncatts(_attributes(store.attrs))
            for name, variable in store.variables.items():
                _describe(dataset, str(name), variable, where)
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            raise UnreadableInput(
                f"{where} is no archive of radar images: {short(error)}."
            ) from error
        yield dataset


def _describe(dataset: netCDF4.Dataset, name: str, variable: xr.Variable, where: str) -> None:
    kind = stored_type(variable.dtype)
    attributes = _attributes(variable.attrs)
    is_axis = variable.dims == (name,)  # an axis has no missing values (CF section 2.5.1)
    fill = None if is_axis or kind is str else variable.attrs.get("_FillValue")
    dimensions = [str(dimension) for dimension in variable.dims]
    described = dataset.createVariable(
        name, kind, dimensions, fill_value=fill, chunksizes=_chunks(variable)
    )
    described.setncatts(attributes)
    if kind is not str and _is_coordinate(variable):
        if variable.size > MOST_COORDINATES:
            raise InputTooLarge(f"{short(name)!r} of {where} has {variable.size} values.")
        with values_read(f"{short(name)!r} of {where}"):
            values = np.asarray(variable[...], kind)
        described.set_auto_maskandscale(False)
        described[...] = values


def stored_type(dtype: np.dtype[Any]) -> Any:
    """The type of values in a dataset that has no 16-bit floats; text for what is no number."""
    if dtype.kind not in NUMBERS:
        return str
    return np.dtype(np.float32) if dtype == np.float16 else dtype.newbyteorder("=")


def _is_coordinate(variable: xr.Variable) -> bool:
    """An axis, a plane of pixels or less."""
    return sum(length > 1 for length in variable.shape) <= 2


def _chunks(variable: xr.Variable) -> tuple[int, ...] | None:
    """Chunks that take no space until something is written to them; None: as a scalar."""
    return tuple(min(length, 1024) for length in variable.shape) or None


def _attributes(given: dict[Any, Any]) -> dict[str, Any]:
    """Attributes as NetCDF has them."""
    return {
        str(name): _plain(value)
        for name, value in given.items()
        if name not in RESERVED and value is not None
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, list | tuple) and any(isinstance(v, list | tuple | dict) for v in value):
        return json.dumps(value)
    return value
