"""Raw values of ODIM_H5 data to values: gain, offset, and the codes of missing and dry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from echocast.model.errors import ContractViolation
from echocast.model.formats.odim_tree import number
from echocast.model.frames import FloatArray


def decoded(
    data: h5py.Dataset, what: Callable[[str], Any], dry_value: float, where: str
) -> FloatArray:
    """value = raw * gain + offset, in the unit of the quantity.

    Args:
        data: The raw values (y, x).
        what: Gives an attribute of their ``what``, None where there is none.
        dry_value: What pixels that hold ``undetect`` become.
        where: Names the file in messages.

    Returns:
        float32 (y, x), NaN where missing.

    Raises:
        ContractViolation: ``gain`` or ``offset`` is missing, or an attribute is no number.
    """
    raw = data[...]
    given = {name: what(name) for name in ("gain", "offset", "nodata", "undetect")}
    numbers = {name: number(v, name) for name, v in given.items() if v is not None}
    for name in ("gain", "offset"):
        if name not in numbers:
            raise ContractViolation(
                f"ODIM_H5 data need the attribute {name!r}, but {where} has none.",
                rule="odim-attribute",
            )
    values: FloatArray = (raw * numbers["gain"] + numbers["offset"]).astype(np.float32)
    _mark(values, raw, numbers.get("undetect"), dry_value)
    _mark(values, raw, numbers.get("nodata"), np.nan)
    return values


def _mark(values: FloatArray, raw: Any, code: Any, meaning: float) -> None:
    """Give the pixels that hold a code its meaning; a code that is None or NaN needs none."""
    if code is not None:
        values[raw == code] = meaning
