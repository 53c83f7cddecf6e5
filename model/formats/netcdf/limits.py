"""Valid limits of a NetCDF field: what lies outside them is missing (CF section 2.5.1).

NetCDF user's guide, best practices for packed data: limits of the packed type are packed, limits of
the wider type that values are unpacked to are values. Writers get it wrong both ways. So limits are
read by their type, and refused where that makes values missing that the other reading explains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from echocast.model.errors import ContractViolation
from echocast.model.formats.netcdf.packing import ROUNDING_COUNTS, Packing, numbers_of
from echocast.model.formats.stored_codes import Code, Mask, Stored, ends

Bounds = tuple[float, float]


@dataclass
class ValidLimits:
    """The lowest and highest stored value that is not missing.

    Args:
        packing: Of the field.
        bounds: Of stored values, read by the type of the attributes.
        other: Of stored values, the other way round; None where there is no other way.
        written: As the file writes them.
        where: Names the field and the file in messages.
    """

    packing: Packing
    bounds: Bounds
    other: Bounds | None
    written: Bounds
    where: str
    _met: Bounds = field(default=(np.inf, -np.inf))

    @classmethod
    def of(cls, attributes: Mapping[str, Any], packing: Packing, where: str) -> ValidLimits | None:
        """The limits that attributes declare; None where they declare none."""
        pair = numbers_of(attributes, "valid_range") or [
            next(iter(numbers_of(attributes, name)), None) for name in ("valid_min", "valid_max")
        ]
        if pair == [None, None]:
            return None
        low, high = (
            None if code is None else packing.signed_right(np.asarray(code))[()] for code in pair
        )
        written = _bounds(low, high)
        stored = _stored_type(low, packing.dtype, -1), _stored_type(high, packing.dtype, 1)
        if not packing.is_packed:
            return cls(packing, _bounds(*stored), None, written, where)
        readings = [_bounds(*stored), _packed(written, packing)]
        if any(code is not None and _is_wider(code.dtype, packing.dtype) for code in (low, high)):
            readings.reverse()
        return cls(packing, readings[0], readings[1], written, where)

    @property
    def values(self) -> Bounds:
        """The limits in the units of the field."""
        scale = 1.0 if self.packing.scale is None else float(self.packing.scale)
        low, high = sorted(bound * scale + float(self.packing.offset or 0) for bound in self.bounds)
        return low, high

    def outside(self, raw: Stored, codes: Mask) -> Mask:
        """True where stored values are no valid ones; those of ``codes`` are not judged by."""
        rest = raw[~codes]
        for end in ends(raw.dtype):
            rest = rest[rest != end]
        if rest.size:
            lowest, highest = np.fmin.reduce(rest), np.fmax.reduce(rest)
            self._met = (min(self._met[0], lowest), max(self._met[1], highest))
        return np.asarray((raw < self.bounds[0]) | (raw > self.bounds[1]))

    def check(self, plausible: Bounds) -> None:
        """Refuse limits that contradict the values that were met.

        Args:
            plausible: Values that the field can have, in its units.

        Raises:
            ContractViolation: By their type they make values missing that the other reading does
                not, or they are of unsigned bytes and the data of signed, or nothing lies within.
        """
        self._check_possible()
        if _inside(self._met, self.bounds) or self._met[0] > self._met[1]:
            return
        limits = f"{self.written[0]:g}..{self.written[1]:g}"
        if self.packing.dtype.kind == "i" and self.bounds[1] > np.iinfo(self.packing.dtype).max:
            raise ContractViolation(
                f"The valid limits {limits} of {self.where} reach beyond what"
                f" {self.packing.dtype} holds, and negative values would be missing; declare"
                ' _Unsigned = "true" if the bytes are unsigned.',
                rule="contradicting-codes",
            )
        if self.other and _inside(self._met, self.other) and self._reasonable(plausible):
            raise ContractViolation(
                f"The valid limits {limits} of {self.where} make values missing if they are read"
                " by their type, and none if not; write them in the packed type as packed counts,"
                " or as floating-point values in the units of the field.",
                rule="contradicting-codes",
            )

    def _check_possible(self) -> None:
        info = np.finfo if self.packing.dtype.kind == "f" else np.iinfo
        ends, (low, high) = info(self.packing.dtype), self.bounds
        reversed_ = self.written[0] > self.written[1]
        if reversed_ or max(low, float(ends.min)) > min(high, float(ends.max)):
            raise ContractViolation(
                f"No value of {self.packing.dtype} lies within the valid limits"
                f" {self.written[0]:g}..{self.written[1]:g} of {self.where}.",
                rule="contradicting-codes",
            )

    def _reasonable(self, plausible: Bounds) -> bool:
        """Whether limits taken for values are some that the field can have."""
        by_type_are_counts = self.bounds == _bounds(*self.written)
        return not by_type_are_counts or _inside(self.written, plausible)


def _bounds(low: Any, high: Any) -> Bounds:
    return (
        -np.inf if low is None else float(low),
        np.inf if high is None else float(high),
    )


def _is_wider(limit: np.dtype[Any], stored: np.dtype[Any]) -> bool:
    return limit.kind == "f" and (stored.kind != "f" or limit.itemsize > stored.itemsize)


def _stored_type(limit: Code | None, dtype: np.dtype[Any], outwards: int) -> Any:
    """A limit at the precision of the data; one that is coarser reaches a bit further."""
    if limit is None or dtype.kind != "f" or limit.dtype.kind != "f":
        return limit
    if limit.dtype.itemsize >= dtype.itemsize:
        return dtype.type(limit)
    return float(limit) + outwards * float(np.spacing(abs(limit)))


def _packed(values: Bounds, packing: Packing) -> Bounds:
    """Limits of values as limits of stored values."""
    low, high = sorted(packing.counts(bound) for bound in values)
    if packing.dtype.kind == "f":
        return low, high
    return np.ceil(low - ROUNDING_COUNTS), np.floor(high + ROUNDING_COUNTS)


def _inside(inner: Bounds, outer: Bounds) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]
