"""The codes of missing pixels that a NetCDF variable declares (CF section 2.5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import netCDF4
import numpy as np

from echocast.model.formats.netcdf.access import Variable
from echocast.model.formats.netcdf.packing import Packing, numbers_of
from echocast.model.formats.stored_codes import Code, Mask, Stored, as_stored, occurrences


@dataclass(eq=False)
class MissingCode:
    """A code of missing pixels, as the data store it, and how many pixels hold it.

    Args:
        written: As the attribute has it.
        code: In the type of the data; None where that cannot hold it.
        unpacked: Whether the attribute was read as a value of the field, and not as a stored one.
    """

    written: Code
    code: Code | None
    unpacked: bool = False
    pixels: int = 0

    def count(self, raw: Stored) -> Mask:
        """True where data hold the code; adds to its pixels."""
        is_real = raw.dtype.kind == "f"  # then the written one has its own precision
        mask = occurrences(raw, self.written if is_real and not self.unpacked else self.code)
        self.pixels += int(np.count_nonzero(mask))
        return mask


def missing_codes(given: Mapping[str, Any], packing: Packing) -> list[MissingCode]:
    """The codes that attributes declare, as stored.

    Of a floating type beside packed integers they may also be values of the field.
    """
    codes = []
    for written in (*numbers_of(given, "_FillValue"), *numbers_of(given, "missing_value")):
        written = packing.signed_right(np.asarray(written))[()]
        codes.append(MissingCode(written, as_stored(written, packing.dtype)))
        if packing.is_packed and written.dtype.kind == "f" and packing.dtype.kind != "f":
            value = packing.stored(written)
            if value is not None and value != codes[-1].code:
                codes.append(MissingCode(written, value, unpacked=True))
    return codes


def default_fill(variable: Variable, packing: Packing) -> list[MissingCode]:
    """What the library fills unwritten values with; of bytes only where it did fill."""
    if packing.reinterpreted:
        return []
    if variable.dtype.itemsize == 1 and variable.get_fill_value() is None:
        return []
    fill = np.asarray(netCDF4.default_fillvals[variable.dtype.str[1:]], variable.dtype)[()]
    return [MissingCode(fill, fill)]


def counted(raw: Stored, codes: list[MissingCode]) -> Mask:
    """True where one of the codes is; each counts its pixels."""
    missing = np.zeros(raw.shape, bool)
    for code in codes:
        missing |= code.count(raw)
    return missing
