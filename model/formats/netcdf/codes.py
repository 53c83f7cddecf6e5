"""Stored values of a NetCDF field to values: which are missing, and which are dry.

Source: CF conventions 1.11, section 2.5.1, and the NetCDF user's guide. The library's own masks are
not used: they pass over what is of another type than the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from echocast.model.contract import InputContract
from echocast.model.errors import ContractViolation, short
from echocast.model.formats.intervals import Factor
from echocast.model.formats.netcdf.field import RadarField
from echocast.model.formats.netcdf.limits import Bounds, ValidLimits
from echocast.model.formats.netcdf.missing import MissingCode, counted, default_fill, missing_codes
from echocast.model.formats.netcdf.packing import Packing, numbers_of
from echocast.model.formats.stored_codes import (
    Code,
    Mask,
    Stored,
    as_stored,
    disguised,
    ends,
    occurrences,
)
from echocast.model.grid import FloatArray
from echocast.model.reflectivity import HIGHEST_RATE_MM_H, NO_RAIN_DBZ

DECLARE = "_FillValue (missing) or no_rain_value (dry) of the variable"
DRY_LOOKING_DBZ = (-40.0, 10.0)
DRY_SHARE = 0.1  # as many of the measured pixels hold one lowest value: that is the dry one
ROUNDING_DBZ = 1e-3  # a declared limit and a declared floor are rounded each for itself


@dataclass
class _Lowest:
    """The lowest of the values that were measured, and how many pixels hold it."""

    value: float = np.inf
    pixels: int = 0
    measured: int = 0

    def count(self, values: FloatArray) -> None:
        """Take a part of the values into account, NaN where missing."""
        lowest = float(np.fmin.reduce(values, axis=None, initial=np.float32(np.inf)))
        if lowest < self.value:
            self.value, self.pixels = lowest, 0
        self.pixels += int(np.count_nonzero(values == np.float32(self.value)))
        self.measured += int(np.count_nonzero(~np.isnan(values)))


class FieldCodes:
    """How the stored values of one radar field are read; it counts the codes that it meets.

    Args:
        field: The field; the library no longer masks or scales its variable.
        factor: What turns its values into mm/h; of reflectivity 1.
        where: Names the file in messages.
    """

    def __init__(self, field: RadarField, factor: Factor, where: str) -> None:
        field.variable.set_auto_maskandscale(False)
        given = {name: field.variable.getncattr(name) for name in field.variable.ncattrs()}
        self._where = f"{short(field.variable.name)!r} of {where}"
        self._is_rate = field.unit.is_rain
        highest = HIGHEST_RATE_MM_H / float(np.min(factor))
        self._plausible = (0.0, highest) if self._is_rate else _possible_dbz()
        self._packing = Packing.of(given, field.variable.dtype)
        self._is_signed = str(given.get("_Unsigned", "")).strip().lower() == "false"
        self.limits = ValidLimits.of(given, self._packing, self._where)
        self._dry = _no_rain_value(field.attributes, self._where)
        self._undetect = next(iter(numbers_of(given, "_Undetect")), None)
        declared = missing_codes(given, self._packing)
        self._names_none = not declared and self.limits is None
        self._missing, self._overruled = self._dry_wins(declared)
        if not numbers_of(given, "_FillValue"):
            self._missing += default_fill(field.variable, self._packing)
        self._lowest = _Lowest()

    def _dry_codes(self) -> list[Code]:
        """What dry pixels hold, in the type of the data: what is declared, and of rates 0.

        ``_Undetect`` is ODIM's code, as stored; wradlib and xradar hand it on.
        """
        values = [self._dry, np.float64(0) if self._is_rate else None]
        codes = [self._packing.stored(value) for value in values if value is not None]
        codes.append(self._undetect)
        stored = [as_stored(code, self._packing.dtype) for code in codes if code is not None]
        return [code for code in stored if code is not None]

    def _dry_wins(self, declared: list[MissingCode]) -> tuple[list[MissingCode], list[MissingCode]]:
        """Codes of missing pixels, and those that are dry, as another one is left for missing."""
        dry = [float(code) for code in self._dry_codes()]
        both = [m for m in declared if m.code is not None and float(m.code) in dry]
        others = [m for m in declared if m not in both]
        return (others, both) if any(m.code is not None for m in others) else (declared, [])

    def values(self, stored: Stored) -> FloatArray:
        """Values in the units of the field, NaN where missing, of a part of the stored ones.

        Raises:
            ContractViolation: A stored value may be a code that nobody declared.
        """
        raw = self._packing.signed_right(stored)  # floats are marked in place
        with np.errstate(over="ignore"):
            values: FloatArray = self._packing.unpacked(raw).astype(np.float32, copy=False)
        missing = counted(raw, self._missing)
        counted(raw, self._overruled)
        self._check_undeclared(raw, missing)
        if self.limits is not None:
            missing |= self.limits.outside(raw, missing)
        self._mark_dry(values, raw)
        np.copyto(values, np.nan, where=missing)
        if len(self._missing) > 1:
            self._lowest.count(values)
        return values

    def _mark_dry(self, values: FloatArray, raw: Stored) -> None:
        """``_Undetect`` is a code, and so is a dry value that nothing can have: both become the
        floor.
        """
        declared = None if self._is_rate else self.floor()
        floor = 0.0 if self._is_rate else NO_RAIN_DBZ if declared is None else declared
        for code in self._dry_codes():
            value = float(self._packing.unpacked(np.asarray(code)))
            if code == self._undetect or not _within(value, self._plausible):
                values[occurrences(raw, code)] = floor

    def _check_undeclared(self, raw: Stored, missing: Mask) -> None:
        """Refuse what may be a code that the attributes do not name, or not rightly."""
        suspects = [v for m in self._missing for v in disguised(m.written, raw.dtype)]
        suspects += ends(raw.dtype) if self._names_none else ()
        for value in suspects:
            if pixels := np.count_nonzero((raw == value) & ~missing):
                raise ContractViolation(
                    f"{self._where} holds {value} in {pixels} pixels, and its attributes do not say"
                    f" whether that is missing or rain; set _FillValue to the stored code of"
                    f" missing pixels, of the type {raw.dtype}, or valid_max if it is rain.",
                    rule="undeclared-code",
                )
        if self._is_signed and raw.dtype.kind == "u":
            self._check_signed(raw[~missing])

    def _check_signed(self, raw: Stored) -> None:
        if raw.size and raw.max() > np.iinfo(raw.dtype).max // 2:
            raise ContractViolation(
                f'{self._where} is of the type {raw.dtype}, but declares _Unsigned = "false", and'
                f" its value {raw.max()} would be negative; remove one of the two.",
                rule="contradicting-codes",
            )

    def check(self) -> dict[str, str]:
        """Refuse codes that contradict each other in the values that were read.

        Returns:
            What was decided by rule, a sentence by subject.

        Raises:
            ContractViolation: One code means two things.
        """
        if self.limits is not None:
            self.limits.check(self._plausible)
        self._check_two_readings()
        self._check_only_dry()
        self._check_dry_looking()
        return self._notes()

    def _check_two_readings(self) -> None:
        """A missing value in the units of the field, where its number is a stored value as well."""
        met = [m for m in self._missing if m.pixels]
        for value in (m for m in met if m.unpacked):
            if any(m.written is value.written and not m.unpacked for m in met):
                raise ContractViolation(
                    f"missing_value {value.written} of {self._where} may be a stored value or a"
                    f" value in the units of the field ({value.code} as stored), and both occur;"
                    " write it as a stored value, in the type of the data.",
                    rule="contradicting-codes",
                )

    def _check_only_dry(self) -> None:
        """The only code of missing pixels is what dry pixels hold."""
        dry = [float(code) for code in self._dry_codes()]
        for m in self._missing:
            if m.code is not None and m.pixels and float(m.code) in dry:
                raise ContractViolation(
                    f"{self._where} declares {m.written} missing, but that is what dry pixels"
                    f" hold, and {m.pixels} pixels do; give missing pixels a code of their own.",
                    rule="contradicting-codes",
                )

    def _check_dry_looking(self) -> None:
        """One of two codes of missing pixels is a weak echo below all values, none of them dry."""
        met = [m for m in self._missing if m.pixels and m.code is not None]
        if self._is_rate or self._dry_codes() or len({m.code for m in met}) < 2:
            return
        values = {m: float(self._packing.unpacked(np.asarray(m.code))) for m in met}
        weak = [m for m in met if _within(values[m], DRY_LOOKING_DBZ)]
        below_all = len(weak) == 1 and values[weak[0]] < self._lowest.value
        if below_all and self._lowest.pixels < DRY_SHARE * self._lowest.measured:
            raise ContractViolation(
                f"{self._where} declares {values[weak[0]]:g} dBZ missing beside another code, but"
                " no pixels are lower or dry, so that it may mean dry; declare it as no_rain_value"
                " if it does, else use one code for all missing pixels.",
                rule="contradicting-codes",
            )

    def _notes(self) -> dict[str, str]:
        notes = [
            f"{m.written} is declared missing, but it is what dry pixels hold: read as dry."
            for m in self._overruled
            if m.pixels
        ] + [
            f"missing_value {m.written} is in the units of the field, not as stored."
            for m in self._missing
            if m.pixels and m.unpacked
        ]
        return {"codes": " ".join(notes)} if notes else {}

    def floor(self) -> float | None:
        """The declared value of dry pixels in dBZ, as they are read; None where there is none.

        Raises:
            ContractViolation: The field's valid limits make it missing.
        """
        if self._dry is None:
            return None
        dry = float(np.float32(self._dry))
        low, high = (-np.inf, np.inf) if self.limits is None else self.limits.values
        if not low - ROUNDING_DBZ <= dry <= high + ROUNDING_DBZ:
            raise ContractViolation(
                f"Dry pixels would be read as missing: no_rain_value is {dry:g}, but the field's"
                f" valid values are {low:g}..{high:g}.",
                rule="no-rain-value",
            )
        return dry if _within(dry, self._plausible) else NO_RAIN_DBZ


def _no_rain_value(attributes: Mapping[str, Any], where: str) -> Code | None:
    if "no_rain_value" not in attributes:
        return None
    with suppress(ContractViolation):
        (code,) = numbers_of(attributes, "no_rain_value", 1)
        if not np.isnan(code):
            return code
    raise ContractViolation(
        f"The attribute no_rain_value must be a number, not"
        f" {short(attributes['no_rain_value'])!r} as in {where}.",
        rule="no-rain-value",
    )


def _possible_dbz() -> Bounds:
    limits = InputContract()
    return limits.minimum_dbz, limits.maximum_dbz


def _within(value: float, bounds: Bounds) -> bool:
    return bounds[0] <= value <= bounds[1]
