"""Reflectivity and probability as small integers: what files keep of them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from echocast.model.grid import FloatArray

PACKING = 0.01  # dBZ per count of an int16: +-327 dBZ
COUNTS_A_DBZ = np.float32(100)
MISSING_COUNT = np.int16(-32768)
PROBABILITY_PACKING = 0.004  # -125 counts are 0, 125 are 1: CF packs into signed bytes
PROBABILITY_OFFSET = 0.5
PROBABILITY_MISSING = np.int8(-128)


def packed_dbz(values: FloatArray) -> NDArray[np.int16]:
    """Counts of 0.01 dBZ; missing is the fill count. Inverse: :func:`unpacked_dbz`."""
    counts = values / np.float64(PACKING)
    np.rint(counts, out=counts)
    counts[np.isnan(values)] = MISSING_COUNT
    return counts.astype(np.int16)


def unpacked_dbz(counts: NDArray[np.int16]) -> FloatArray:
    """Reflectivity in dBZ as a reader of the file gets it, NaN where missing."""
    values = counts.astype(np.float32)
    values /= COUNTS_A_DBZ  # in single precision, and yet what counts * PACKING rounds to
    values[counts == MISSING_COUNT] = np.nan
    return values


def rounded_dbz(values: FloatArray) -> FloatArray:
    """Reflectivity in dBZ as files keep it: what :func:`packed_dbz` and back make of it."""
    rounded = np.rint(values / np.float64(PACKING))
    rounded *= PACKING
    return rounded.astype(np.float32)


def packed_probability(values: NDArray[np.floating[Any]]) -> NDArray[np.int8]:
    """Counts of 0.004; missing is the fill count. Inverse: :func:`unpacked_probability`."""
    if values.dtype == np.float16:  # slow in NumPy, but there are few of them to look up
        return np.take(_COUNTS_OF_HALVES, values.view(np.uint16))
    return _probability_counts(values)


def _probability_counts(values: NDArray[np.floating[Any]]) -> NDArray[np.int8]:
    counts = values.astype(np.float32)
    counts -= PROBABILITY_OFFSET
    counts /= PROBABILITY_PACKING
    np.rint(counts, out=counts)
    counts[np.isnan(counts)] = PROBABILITY_MISSING
    return counts.astype(np.int8)


with np.errstate(invalid="ignore"):  # many are no probabilities
    _COUNTS_OF_HALVES: Final = _probability_counts(np.arange(2**16, dtype=np.uint16).view(np.half))


def unpacked_probability(counts: NDArray[np.int8]) -> NDArray[np.float32]:
    """Probabilities as a reader of the file gets them, NaN where missing."""
    values = (counts * PROBABILITY_PACKING + PROBABILITY_OFFSET).astype(np.float32)
    values[counts == PROBABILITY_MISSING] = np.nan
    return values


def floor_as_written(no_rain_dbz: float) -> float:
    """The floor of a product rounded like the values that hold it."""
    return float(np.float32(np.rint(no_rain_dbz / PACKING) * PACKING))
