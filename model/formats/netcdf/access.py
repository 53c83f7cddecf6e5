"""One door to the NetCDF library, which must not be called from two threads at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias
from uuid import uuid4

import h5py
import netCDF4
import numpy as np

from echocast.model.atomic_files import disk_asked, write_whole
from echocast.model.errors import InputTooLarge, UnreadableInput, short

Variable: TypeAlias = "netCDF4.Variable[Any]"

CLASSIC_START_BYTES = 1  # of memory; the file would not be shorter
_LOCK = threading.RLock()


@contextmanager
def open_netcdf(path: Path, mode: Literal["r", "w"] = "r") -> Iterator[netCDF4.Dataset]:
    """An open NetCDF file, closed afterwards; the whole block holds the process's NetCDF lock.

    Args:
        path: The file.
        mode: ``r`` to read, ``w`` to write a new file.

    Raises:
        OSError: The file can't be opened, is a classic one that is cut short, or was not written as
            a whole.
    """
    with _LOCK:
        if mode == "w":
            with disk_asked(path):
                with netCDF4.Dataset(str(path), mode) as dataset:
                    yield dataset
                with h5py.File(path, locking=False):  # refused where shorter than it says
                    pass
        else:
            with netCDF4.Dataset(str(path), mode) as dataset:
                _check_whole(dataset, path)
                yield dataset


@contextmanager
def new_classic_netcdf(path: Path) -> Iterator[netCDF4.Dataset]:
    """A new file of the classic format, put together in memory and written at the end as a whole.

    The library's own writing of such a file reports no error where the disk is full.

    Raises:
        OSError: The file can't be written.
    """
    classic: dict[str, Any] = {"format": "NETCDF3_64BIT_OFFSET", "memory": CLASSIC_START_BYTES}
    with _LOCK:
        dataset = netCDF4.Dataset(path.name, "w", **classic)
        try:
            yield dataset
        finally:
            content = dataset.close()
    write_whole(path, content)


@contextmanager
def netcdf_in_memory() -> Iterator[netCDF4.Dataset]:
    """A new NetCDF-4 dataset that no disk sees, gone afterwards; the block holds the lock."""
    with _LOCK:
        name = uuid4().hex  # the library opens no name twice
        dataset = netCDF4.Dataset(name, "w", diskless=True, persist=False)
        try:
            yield dataset
        finally:
            dataset.close()


@contextmanager
def library_lock() -> Iterator[None]:
    """Nobody else of ours calls the library in the block: for calls of it by way of xarray."""
    with _LOCK:
        yield


@contextmanager
def unlocked() -> Iterator[None]:
    """Let other threads call the library meanwhile, in a block of :func:`open_netcdf` that waits.

    Nothing of the open file may be touched in the context.
    """
    _LOCK.release()
    try:
        yield
    finally:
        _LOCK.acquire()


def _check_whole(dataset: netCDF4.Dataset, path: Path) -> None:
    """What is missing at the end of a classic file would be read as zeros: as dry."""
    if dataset.data_model.startswith("NETCDF3"):
        values = sum(v.size * v.dtype.itemsize for v in dataset.variables.values())
        if path.stat().st_size < _header_bytes(dataset) + values:
            raise OSError("it is cut short")


def _header_bytes(dataset: netCDF4.Dataset) -> int:
    """How long the header of a classic file is, at least (its format: words of four bytes)."""
    dimensions = sum(8 + _in_words(len(name.encode())) for name in dataset.dimensions)
    variables = sum(
        28 + _in_words(len(name.encode())) + 4 * one.ndim + _attribute_bytes(one)
        for name, one in dataset.variables.items()
    )
    return 32 + dimensions + _attribute_bytes(dataset) + variables


def _attribute_bytes(owner: netCDF4.Dataset | Variable) -> int:
    values = {name: owner.getncattr(name) for name in owner.ncattrs()}
    return sum(
        12 + _in_words(len(name.encode())) + _in_words(np.asarray(_plain(value)).nbytes)
        for name, value in values.items()
    )


def _plain(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def _in_words(count: int) -> int:
    return -(-count // 4) * 4


@contextmanager
def damage_is_unreadable(path: Path) -> Iterator[None]:
    """Turn what the NetCDF and HDF5 libraries raise on damaged files into domain errors.

    Raises:
        UnreadableInput: The bytes are damaged or not of the format.
        InputTooLarge: They ask for more memory than there is.
    """
    try:
        yield
    except MemoryError as error:
        raise InputTooLarge(f"{path.name} needs more memory than there is.") from error
    except (OSError, RuntimeError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise UnreadableInput(
            f"{path.name} is damaged or not what it claims to be: {short(error)}."
        ) from error
