"""Codes of missing and dry pixels, compared as the data store them.

An attribute may have another type than the data: a code of 64 bits beside data of 32, text beside
integers. A code counts where it equals the data at the precision of the coarser of the two.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from echocast.model.formats.packing import checked_numbers

Stored = NDArray[Any]  # raw values, as a file stores them
Code: TypeAlias = Any  # one number: NumPy's scalar in the type of its attribute
Mask = NDArray[np.bool_]


def code_of(value: Any, name: str) -> Code | None:
    """An attribute of one number, in its own type; None where there is none.

    Raises:
        ContractViolation: It is no number, or there are several.
    """
    return None if value is None else checked_numbers(value, 1, name).reshape(-1)[0]


def as_stored(code: Code, dtype: np.dtype[Any]) -> Code | None:
    """A code in the type of the data; None where that type cannot hold it."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return dtype.type(code)
    number = float(code)
    limits = np.iinfo(dtype)
    if not number.is_integer() or not limits.min <= int(code) <= limits.max:
        return None
    return dtype.type(int(code))


def occurrences(raw: Stored, code: Code | None) -> Mask:
    """True where data hold a code."""
    if code is None:
        return np.zeros(raw.shape, bool)
    both_real = raw.dtype.kind == code.dtype.kind == "f"
    if both_real and code.dtype.itemsize < raw.dtype.itemsize:
        with np.errstate(over="ignore"):
            raw = raw.astype(code.dtype)
    value = as_stored(code, raw.dtype)
    if value is None:
        return np.zeros(raw.shape, bool)
    return np.isnan(raw) if np.isnan(value) else np.asarray(raw == value)


def ends(dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Values of an integer type that usually mark missing: the largest, of signed types both."""
    if dtype.kind == "f":
        return ()
    limits = np.iinfo(dtype)
    return (limits.max,) if limits.min == 0 else (limits.max, limits.min)


def disguised(code: Code | None, dtype: np.dtype[Any]) -> tuple[int, ...]:
    """What a code that the integer type cannot hold became if it was cast: 255 as int8 is -1."""
    if code is None or dtype.kind == "f" or not float(code).is_integer():
        return ()
    if as_stored(code, dtype) is not None:
        return ()
    limits = np.iinfo(dtype)
    span = int(limits.max) - int(limits.min) + 1
    return ((int(code) - int(limits.min)) % span + int(limits.min),)
