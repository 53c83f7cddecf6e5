"""Raw values of ODIM_H5 data to values: gain, offset, and the codes of missing and dry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from echocast.model.errors import ContractViolation
from echocast.model.formats.odim.tree import number
from echocast.model.formats.packing import is_no_scale
from echocast.model.formats.stored_codes import (
    Code,
    Stored,
    as_stored,
    code_of,
    disguised,
    ends,
    occurrences,
)
from echocast.model.grid import FloatArray

DECLARE = "nodata (missing) or undetect (dry) in its what group"


def decoded(raw: Stored, what: Callable[[str], Any], dry_value: float, where: str) -> FloatArray:
    """value = raw * gain + offset, in the unit of the quantity.

    Codes are compared in the type of the data (:mod:`.stored_codes`). NaN is missing, unless
    ``undetect`` is NaN.

    Args:
        raw: The raw values (y, x).
        what: Gives an attribute of their ``what``, None where there is none.
        dry_value: What pixels that hold ``undetect`` become.
        where: Names the file in messages.

    Returns:
        float32 (y, x), NaN where missing.

    Raises:
        ContractViolation: ``gain`` or ``offset`` is missing, an attribute is no number, one code
            means missing and dry, or a value looks like a code that nobody declared.
    """
    gain, offset = (_factor(what(name), name, raw.dtype, where) for name in ("gain", "offset"))
    undetect, nodata = (code_of(what(name), name) for name in ("undetect", "nodata"))
    dry, missing = occurrences(raw, undetect), occurrences(raw, nodata)
    _check_apart(dry, missing, nodata, where)
    _check_declared(raw, nodata, undetect, where)
    unpacked = raw * gain
    unpacked += offset
    with np.errstate(over="ignore"):  # infinities are refused later
        values: FloatArray = unpacked.astype(np.float32)
    np.copyto(values, dry_value, where=dry)
    np.copyto(values, np.nan, where=missing)
    return values


def _factor(value: Any, name: str, dtype: np.dtype[Any], where: str) -> float:
    """``gain`` or ``offset``; floating-point data without them are values as they stand."""
    if value is None and dtype.kind != "f":
        raise ContractViolation(
            f"ODIM_H5 data need the attribute {name!r}, but {where} has none.",
            rule="odim-attribute",
        )
    factor = float(name == "gain") if value is None else number(value, name)
    if not np.isfinite(factor) or (name == "gain" and is_no_scale(factor)):
        raise ContractViolation(
            f"The attribute {name!r} must be a finite number, and gain not 0, but that of {where}"
            f" is {factor:g}.",
            rule="packing",
        )
    return factor


def _check_apart(dry: Stored, missing: Stored, nodata: Code | None, where: str) -> None:
    if both := np.count_nonzero(dry & missing):
        raise ContractViolation(
            f"nodata and undetect of {where} are both {nodata}, so that {both} pixels are missing"
            " and dry at once; write two codes, or leave out the one that does not occur.",
            rule="contradicting-codes",
        )


def _check_declared(raw: Stored, nodata: Code | None, undetect: Code | None, where: str) -> None:
    """Integers at the end of their type may be missing or the most rain: ``nodata`` says which.

    Raises:
        ContractViolation: No ``nodata`` that the type can hold, and the data hold such a value; or
            they hold what a code became that the type cannot hold.
    """
    suspects = [v for code in (nodata, undetect) for v in disguised(code, raw.dtype)]
    if nodata is None or as_stored(nodata, raw.dtype) is None:
        suspects += ends(raw.dtype)
    dry = None if undetect is None else as_stored(undetect, raw.dtype)
    for value in suspects:
        if value != dry and (pixels := np.count_nonzero(raw == value)):
            declared = f"nodata {'not given' if nodata is None else nodata}"
            declared += f", undetect {'not given' if undetect is None else undetect}"
            raise ContractViolation(
                f"{where} ({declared}) has {raw.dtype} data that hold {value} in {pixels} pixels:"
                " missing, dry or the strongest rain? Set nodata and undetect to the codes as they"
                " are stored.",
                rule="undeclared-code",
            )
