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

from echocast.model.atomic_files import disk_asked, write_whole
from echocast.model.errors import InputTooLarge, UnreadableInput, short
from echocast.model.formats.netcdf.classic import check_classic

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
        OSError: The file can't be opened, is a classic one that is damaged or cut short, or was not
            written as a whole.
        InputTooLarge: It is a classic one of very many parts.
    """
    with _LOCK:
        if mode == "w":
            with disk_asked(path):
                with netCDF4.Dataset(str(path), mode) as dataset:
                    yield dataset
                with h5py.File(path, locking=False):  # refused where shorter than it says
                    pass
        else:
            check_classic(path)
            with netCDF4.Dataset(str(path), mode) as dataset:
                yield dataset


@contextmanager
def new_classic_netcdf(path: Path) -> Iterator[netCDF4.Dataset]:
    """A new file of the classic format, put together in memory and written at the end as a whole.

    The library's own writing of such a file reports no error where the disk is full. It fills each
    variable first; without that, memory of this process would come into the gaps between them.

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
