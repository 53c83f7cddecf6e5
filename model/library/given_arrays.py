"""Arrays of xarray as files: what a caller gives is read by the same reader as any file.

So units, axes, times, projections, codes and notes have one meaning, and a forecast from an array
is the forecast from the file that holds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np
import xarray as xr

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.netcdf.access import library_lock

Labelled: TypeAlias = "xr.DataArray | xr.Dataset"

NAME = "the given data"  # what messages call the file
LIMITS = ("valid_min", "valid_max", "valid_range", "_Undetect")
STORABLE = (str, int, float, np.ndarray, np.generic, list, tuple)
CLOCK = {"units": "seconds since 1970-01-01", "dtype": "float64"}


@contextmanager
def given_file(radar: Labelled, units: str | None, frames: slice | None) -> Iterator[Path]:
    """A file that holds some frames of an array, deleted afterwards; only those are computed.

    Args:
        radar: A DataArray (time, y, x) with units, or a Dataset with one such field.
        units: Of a DataArray that does not say.
        frames: Which frames, by their place in time; None: all.

    Raises:
        ContractViolation: It is neither, says other units, its times do not increase, or NetCDF
            cannot hold it.
    """
    dataset = _as_dataset(radar, units)
    _check_mappings(dataset)
    chosen = dataset if frames is None else dataset.isel(dict.fromkeys(_clocks(dataset), frames))
    with TemporaryDirectory(prefix="echocast-") as folder:
        path = Path(folder) / NAME
        write_file(_plain(chosen.compute()), path)
        yield path


def write_file(dataset: xr.Dataset, path: Path, encoding: Mapping[str, Any] | None = None) -> None:
    """Write a Dataset as NetCDF.

    Raises:
        ContractViolation: NetCDF cannot hold it.
    """
    try:
        with library_lock():
            dataset.to_netcdf(path, engine="netcdf4", encoding=dict(encoding or {}))
    except (TypeError, ValueError, KeyError) as error:
        raise ContractViolation(
            f"NetCDF cannot hold {NAME}, and so they cannot be read: {short(error)}.",
            rule="data-type",
        ) from error


def times_of(radar: Labelled) -> np.ndarray[Any, np.dtype[np.datetime64]]:
    """The times of the frames of an array; none where it has no time axis of dates."""
    clocks = _clocks(radar)
    return np.asarray(radar[clocks[0]].values) if clocks else np.array([], "datetime64[ns]")


def _as_dataset(radar: Labelled, units: str | None) -> xr.Dataset:
    if isinstance(radar, xr.Dataset):
        return radar
    if not isinstance(radar, xr.DataArray):
        raise ContractViolation(
            "Radar must be an xarray DataArray (time, y, x) with units, or a Dataset with one such"
            f" field, not {short(type(radar).__name__)}; plain arrays are for echocast.predict.",
            rule="data-type",
        )
    stated = radar.attrs.get("units", units)
    if units is not None and stated != units:
        raise ContractViolation(
            f"The units are stated as {short(units)!r}, but the attributes of {NAME} say"
            f" {short(stated)!r}; leave the argument out, or correct the attribute.",
            rule="contradicting-statement",
        )
    attributes = {**radar.attrs, **({} if stated is None else {"units": stated})}
    mapping = grid_mapping_of(radar)
    array = radar.assign_attrs({**attributes, **({"grid_mapping": mapping} if mapping else {})})
    return array.to_dataset(name=str(radar.name or "radar"), promote_attrs=False)


def grid_mapping_of(radar: xr.DataArray) -> str | None:
    """The grid mapping that an array names, or the only one that it carries as a coordinate."""
    named = radar.encoding.get("grid_mapping", radar.attrs.get("grid_mapping"))
    carried = [
        str(name)
        for name, coordinate in radar.coords.items()
        if coordinate.ndim == 0 and {"grid_mapping_name", "crs_wkt"} & set(coordinate.attrs)
    ]
    return str(named) if named else carried[0] if len(carried) == 1 else None


def _check_mappings(dataset: xr.Dataset) -> None:
    """Without its grid mapping nobody knows where on earth the data are.

    Raises:
        ContractViolation: A variable names one that is not there.
    """
    for variable in dataset.data_vars.values():
        text = str(variable.encoding.get("grid_mapping", variable.attrs.get("grid_mapping", "")))
        names = re.findall(r"(\w+)\s*:", text) or text.split()  # crs, or crs: y x
        if missing := set(names) - set(map(str, dataset.variables)):
            raise ContractViolation(
                f"The attribute grid_mapping of {NAME} names {short(min(missing))!r}, which is not"
                ' among them: open their file with decode_coords="all" or give its whole Dataset;'
                " or delete the attribute, if their place on earth does not matter.",
                rule="place",
            )


def _clocks(radar: Labelled) -> list[str]:
    """The dimension of time, where its coordinate has dates; they must increase.

    Raises:
        ContractViolation: They do not.
    """
    clocks = [str(d) for d in radar.dims if d in radar.coords and radar[d].dtype.kind == "M"]
    for name in clocks:
        times = radar[name].values
        if not (np.diff(times) > np.timedelta64(0)).all():
            raise ContractViolation(
                f"Times must strictly increase, but {name!r} of {NAME} does not; sort it by"
                f" .sortby({name!r}), and leave out what comes twice.",
                rule="time-order",
            )
    return clocks


def _plain(dataset: xr.Dataset) -> xr.Dataset:
    """A Dataset whose variables hold their values as they are, with attributes that say so."""
    plain = dataset.drop_encoding()
    for name, variable in dataset.variables.items():
        attributes = {**_storable(variable.attrs), **_unpacked_limits(variable)}
        if "grid_mapping" in variable.encoding:
            attributes.setdefault("grid_mapping", variable.encoding["grid_mapping"])
        plain[name].attrs = attributes
        if variable.dtype.kind == "M":
            plain[name].attrs = {k: v for k, v in attributes.items() if k != "units"}
            plain[name].encoding = dict(CLOCK)
    return plain.assign_attrs(_storable(dataset.attrs))


def _storable(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        str(name): value
        for name, value in attributes.items()
        if isinstance(value, STORABLE) and not isinstance(value, bool)
    }


def _unpacked_limits(variable: xr.Variable) -> dict[str, Any]:
    """Limits that were written for packed numbers, for the values that xarray unpacked."""
    packing = variable.encoding
    if variable.dtype.kind != "f" or not {"scale_factor", "add_offset"} & set(packing):
        return {}
    gain, offset = packing.get("scale_factor", 1.0), packing.get("add_offset", 0.0)
    limits = {name: np.asarray(variable.attrs[name]) for name in LIMITS if name in variable.attrs}
    if str(packing.get("_Unsigned", "")).lower() == "true":
        limits = {
            n: v.view(f"u{v.itemsize}") if v.dtype.kind == "i" else v for n, v in limits.items()
        }
    return {n: (v * gain + offset).astype(variable.dtype) for n, v in limits.items()}
