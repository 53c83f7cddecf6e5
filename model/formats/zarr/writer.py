"""Frames out as a Zarr archive in the layout of mlcast, one frame a chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from echocast.model.errors import InputError, UnsupportedInput, short
from echocast.model.formats.cf_layout import CONVENTIONS, GRID_MAPPING
from echocast.model.formats.zarr.layout import (
    FIELD,
    VALIDATOR_VERSION,
    Coordinate,
    coordinates,
    is_even,
)
from echocast.model.grid import FloatArray, Grid
from echocast.model.quantisation import floor_as_written

VERSION: Literal[2] = 2  # which every library reads
ZSTD_LEVEL = 5


@contextmanager
def new_archive(
    url: str,
    grid: Grid,
    times: Sequence[datetime],
    no_rain_dbz: float,
    attributes: Mapping[str, str],
) -> Iterator[Any]:
    """A new archive without values, of which none is measured; and finished afterwards.

    Args:
        url: A folder, or an address that fsspec knows, where nothing is yet.
        grid: Where the pixels are.
        times: Valid times of all frames, in order.
        no_rain_dbz: What dry pixels hold.
        attributes: Of the archive, beside those that follow from the layout.

    Yields:
        The field (time, y, x): ``write_frame`` fills it.

    Raises:
        ContractViolation: The grid has no projection.
        UnsupportedInput: What writes it is not installed.
        InputError: There is something already, or it can't be written.
    """
    known = coordinates(grid, times)
    group = _new_group(url)
    with _writing(url):
        for coordinate in known:
            _put(group, coordinate)
        field = _new_field(group, (len(times), *grid.shape), no_rain_dbz)
        group.attrs.update(_attributes(times, attributes))
    yield field
    with _writing(url):
        _consolidate(group)


def write_frame(field: Any, index: int, reflectivity_dbz: FloatArray) -> None:
    """Write one frame, (y, x) in dBZ, NaN where missing.

    Raises:
        InputError: It can't be written.
    """
    with _writing(str(field.store_path)):
        field[index] = reflectivity_dbz


def _new_group(url: str) -> Any:
    try:
        import zarr
    except ImportError as error:
        raise UnsupportedInput(
            f"{short(url)} is written by zarr, which is not installed: pip install"
            " 'echocast[train]'.",
            rule="format-not-installed",
        ) from error
    with _writing(url):
        return zarr.open_group(url, mode="w-", zarr_format=VERSION)


@contextmanager
def _writing(url: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each object store has errors of its own
        raise InputError(f"{short(url)} can't be written: {short(error)}.") from error


def _put(group: Any, coordinate: Coordinate) -> None:
    array = group.create_array(
        coordinate.name,
        shape=coordinate.values.shape,
        dtype=coordinate.values.dtype,
        fill_value=None,
        attributes=_with_dimensions(coordinate.attributes, coordinate.dimensions),
    )
    array[...] = coordinate.values


def _new_field(group: Any, shape: tuple[int, ...], no_rain_dbz: float) -> Any:
    from numcodecs import Zstd

    facts = {
        "standard_name": FIELD,
        "long_name": "radar reflectivity",
        "units": "dBZ",
        "grid_mapping": GRID_MAPPING,
        "coordinates": "latitude longitude",
        "no_rain_value": floor_as_written(no_rain_dbz),
    }
    return group.create_array(
        FIELD,
        shape=shape,
        dtype=np.float32,
        chunks=(1, *shape[1:]),
        compressors=[Zstd(level=ZSTD_LEVEL)],
        fill_value=np.nan,
        attributes=_with_dimensions(facts, ("time", "y", "x")),
    )


def _with_dimensions(attributes: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Version 2 has the names of dimensions in an attribute."""
    return {**attributes, "_ARRAY_DIMENSIONS": list(names)}


def _attributes(times: Sequence[datetime], given: Mapping[str, str]) -> dict[str, str]:
    facts = {
        "Conventions": CONVENTIONS,
        "mlcast_created_on": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}",
        "mlcast_dataset_validator_version": VALIDATOR_VERSION,
    }
    if not is_even(times):
        facts["consistent_timestep_start"] = f"{times[0]:%Y-%m-%dT%H:%M:%S}"
    return {**facts, **given}


def _consolidate(group: Any) -> None:
    import zarr

    zarr.consolidate_metadata(group.store, zarr_format=VERSION)
