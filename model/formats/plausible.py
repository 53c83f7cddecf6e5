"""Values that no radar measures: most likely a code for missing or dry that nobody declared."""

from __future__ import annotations

from typing import Any

import numpy as np

from echocast.model.contract import InputContract
from echocast.model.errors import ContractViolation
from echocast.model.grid import FloatArray
from echocast.model.reflectivity import ECHO_FLOOR_DBZ

STRONG_DBZ = 50.0  # a code that is weaker than this cannot be told from rain
GAP_DBZ = 10.0  # rain is continuous: on 36 event files the strongest value stood at most 7 dB alone
SMALLEST_SHARE = 1e-3  # of all pixels
FEWEST_PIXELS = 16


def check_reflectivity(values_dbz: FloatArray, where: str, declare: str) -> float:
    """Check that every value can be reflectivity.

    Args:
        values_dbz: Any shape; NaN where missing. Infinities are left to :class:`.Frames`.
        where: Names the file in messages.
        declare: How such a file declares missing pixels, in messages.

    Returns:
        The lowest value; infinity where all are missing.

    Raises:
        ContractViolation: A value lies outside the contract's range, or is like a code; see
            :func:`check_strongest`.
    """
    limits = InputContract()
    lowest = np.fmin.reduce(values_dbz, axis=None, initial=np.float32(np.inf))
    for worst in (lowest, check_strongest(values_dbz, where, declare)):
        if np.isfinite(worst) and not limits.minimum_dbz <= worst <= limits.maximum_dbz:
            raise ContractViolation(
                f"Reflectivity must lie in {limits.minimum_dbz:g}..{limits.maximum_dbz:g} dBZ, but"
                f" {where} holds {worst:g} dBZ in {np.count_nonzero(values_dbz == worst)} pixels;"
                f" if it is a code, declare it: {declare}. Else the units are wrong.",
                rule="range",
            )
    return float(lowest)


def check_strongest(values_dbz: FloatArray, where: str, declare: str) -> float:
    """Refuse a strongest value that fills many pixels and that nothing leads up to.

    Args:
        values_dbz: Any shape; NaN where missing.
        where: Names the file in messages.
        declare: How such a file declares missing pixels, in messages.

    Returns:
        The strongest value; minus infinity where all are missing.

    Raises:
        ContractViolation: It is a code, and not rain.
    """
    highest = np.fmax.reduce(values_dbz, axis=None, initial=np.float32(-np.inf))
    if STRONG_DBZ <= highest <= InputContract().maximum_dbz:
        pixels = np.count_nonzero(values_dbz == highest)
        many = pixels >= max(FEWEST_PIXELS, SMALLEST_SHARE * values_dbz.size)
        if many and not _leads_up(values_dbz, highest):
            raise ContractViolation(
                f"The strongest value of {where}, {highest:g} dBZ, fills {pixels} pixels and no"
                f" other comes within {GAP_DBZ:g} dB, so it is a code and not rain; declare it:"
                f" {declare}.",
                rule="undeclared-code",
            )
    return float(highest)


def check_floor(floor_dbz: float, lowest_dbz: float, where: str, name: str) -> None:
    """Refuse a declared floor that is an echo, and that weaker echoes contradict.

    Args:
        floor_dbz: The declared value of dry pixels; all at or below it would count as dry.
        lowest_dbz: The lowest value.
        where: Names the file in messages.
        name: Of the declaration, in messages.

    Raises:
        ContractViolation: Rain would be read as dry.
    """
    if max(lowest_dbz, ECHO_FLOOR_DBZ) < floor_dbz:
        raise ContractViolation(
            f"{name} of {where} is {floor_dbz:g} dBZ, but there are weaker values, down to"
            f" {lowest_dbz:g} dBZ, which would be read as dry; declare the value of dry pixels.",
            rule="no-rain-value",
        )


def _leads_up(values: FloatArray, highest: np.floating[Any]) -> bool:
    return bool(((values < highest) & (values > highest - np.float32(GAP_DBZ))).any())
