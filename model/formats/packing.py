"""Numbers that say how values are packed: of another type they would be passed over unnoticed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from echocast.model.errors import ContractViolation, short
from echocast.model.formats.netcdf.access import Variable

COUNTS = {  # of numbers that each attribute holds (CF sections 2.5.1 and 8.1); 0: any
    "scale_factor": 1,
    "add_offset": 1,
    "_FillValue": 1,
    "valid_min": 1,
    "valid_max": 1,
    "valid_range": 2,
    "missing_value": 0,
}
MUST_BE_FINITE = ("scale_factor", "add_offset")
SMALLEST_SCALE = float(np.finfo(np.float32).smallest_subnormal)
LIMITS = ("valid_min", "valid_max", "valid_range")


def check_packing(variable: Variable, where: str, *, by_library: bool = True) -> None:
    """Check what a NetCDF variable says of its packing and its missing values.

    Args:
        variable: Of numbers.
        where: Names the file in messages.
        by_library: The NetCDF library will unpack it, which passes over text that spells a number.

    Raises:
        ContractViolation: An attribute is no number, or not as many as there must be.
    """
    given = set(variable.ncattrs())
    place = f"{short(variable.name)!r} of {where}"
    for name in sorted(given & set(COUNTS)):
        numbers = checked_numbers(variable.getncattr(name), COUNTS[name], f"{name} of {place}")
        if by_library and np.asarray(variable.getncattr(name)).dtype.kind not in "iuf":
            raise _refusal(f"{name} of {place}", "a number, not text", variable.getncattr(name))
        if name in MUST_BE_FINITE and not np.isfinite(numbers).all():
            raise _refusal(f"{name} of {place}", "a finite number", numbers)
        if name == "scale_factor" and is_no_scale(numbers.item()):
            raise _refusal(f"{name} of {place}", "a number other than 0", numbers)
        if name in LIMITS and np.isnan(numbers).any():
            raise _refusal(f"{name} of {place}", "a number", numbers)
    unsigned = variable.getncattr("_Unsigned") if "_Unsigned" in given else "false"
    if str(unsigned).strip().lower() not in ("true", "false"):
        raise _refusal(f"_Unsigned of {place}", "the text true or false", unsigned)


def checked_numbers(value: Any, count: int, where: str) -> np.ndarray[Any, np.dtype[Any]]:
    """An attribute of numbers, each in its own type; text that spells a number is one.

    Args:
        value: As a library read it.
        count: How many there must be; 0: any.
        where: Names the attribute and its place in messages.

    Raises:
        ContractViolation: It is of another type, or there are more or fewer.
    """
    numbers = np.asarray(value)
    if numbers.dtype.kind in "SUO":
        numbers = _spelled(numbers)
    if numbers.dtype.kind not in "iuf" or (count and numbers.size != count):
        words = {0: "numbers", 1: "one number", 2: "two numbers"}
        raise _refusal(where, words[count], value)
    return numbers


def is_no_scale(scale: Any) -> bool:
    """Whether a factor is 0 in single precision, in which values are kept."""
    return abs(float(scale)) < SMALLEST_SCALE


def _spelled(texts: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[Any]]:
    """Texts as the numbers that they spell, whole ones as integers; else as they are."""
    plain = [t.decode("ascii", "replace") if isinstance(t, bytes) else t for t in texts.flat]
    if not all(isinstance(text, str) for text in plain):
        return texts
    for number in (int, float):
        with suppress(ValueError, TypeError, OverflowError):
            return np.array([number(text.strip("\0 ")) for text in plain])
    return texts


def _refusal(where: str, expected: str, value: object) -> ContractViolation:
    return ContractViolation(
        f"The attribute {where} must be {expected}, not {short(value)!r}.", rule="packing"
    )
