"""Opening Zarr stores: on a disk, or in an object store by an address that fsspec knows.

Read by zarr-python through xarray, which are an extra: ``pip install echocast[train]``.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echocast.model.errors import (
    InputError,
    InputTooLarge,
    UnreadableInput,
    UnsupportedInput,
    short,
)

if TYPE_CHECKING:
    import xarray as xr

# What zarr-python and its codecs raise on bytes that are not what was written.
DAMAGE = (ValueError, RuntimeError, TypeError, LookupError, AttributeError, EOFError, zlib.error)

ROOTS = ("zarr.json", ".zgroup", ".zmetadata")  # one of them is in the folder of an archive


def is_address(source: str) -> bool:
    """Whether a source is an address (``s3://...``) and no path."""
    return "://" in source


def is_zarr(source: str) -> bool:
    """Whether a source of radar images is a Zarr archive: an address, or a folder that says so."""
    return is_address(source) or any((Path(source) / name).is_file() for name in ROOTS)


@contextmanager
def open_store(url: str) -> Iterator[tuple[xr.Dataset, Any]]:
    """An open Zarr store.

    Args:
        url: A folder, or an address that fsspec knows.

    Yields:
        The dataset of xarray, values as they are stored and read when asked for; and the group of
        zarr-python.

    Raises:
        UnsupportedInput: What reads it is not installed.
        UnreadableInput: There is no store that can be read.
    """
    try:
        import xarray as xr
        import zarr
    except ImportError as error:
        raise UnsupportedInput(
            f"{short(url)} is read by zarr, which is not installed: pip install 'echocast[train]'.",
            rule="format-not-installed",
        ) from error
    with _opening(url), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of metadata that is not consolidated
        group = zarr.open_group(url, mode="r")
        dataset = xr.open_dataset(
            url, engine="zarr", decode_cf=False, cache=False, chunks=None, consolidated=None
        )
    with dataset:
        yield dataset, group


@contextmanager
def _opening(url: str) -> Iterator[None]:
    """Turn whatever the libraries raise while a store is opened into one sentence."""
    try:
        yield
    except ImportError as error:
        raise UnsupportedInput(
            f"{short(url)} needs a library that is not installed ({short(error)}); for s3://: pip"
            " install 'echocast[s3]'.",
            rule="format-not-installed",
        ) from error
    except FileNotFoundError as error:
        raise UnreadableInput(f"There is no Zarr archive at {short(url)}.") from error
    except Exception as error:  # each object store has errors of its own
        raise UnreadableInput(
            f"{short(url)} can't be opened as a Zarr archive: {short(error)}."
        ) from error


@contextmanager
def values_read(where: str) -> Iterator[None]:
    """Tell chunks that are damaged from a store that can't be reached.

    Raises:
        UnreadableInput: A chunk is damaged.
        InputTooLarge: It asks for more memory than there is.
        InputError: The store does not answer.
    """
    try:
        yield
    except MemoryError as error:
        raise InputTooLarge(f"A chunk of {where} needs more memory than there is.") from error
    except DAMAGE as error:
        raise UnreadableInput(f"A chunk of {where} is damaged: {short(error)}.") from error
    except Exception as error:  # each object store has errors of its own
        raise InputError(f"{where} can't be read on: {short(error)}.") from error
