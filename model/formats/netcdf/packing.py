"""How a NetCDF variable packs its values: sign, scale and offset (CF section 8.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from echocast.model.formats.packing import checked_numbers
from echocast.model.formats.stored_codes import Code, Stored, as_stored

ROUNDING_COUNTS = 0.01  # of a count; values in a field's units are rounded each for itself


@dataclass(frozen=True)
class Packing:
    """Values of a variable are stored values * scale + offset.

    Args:
        dtype: Of the stored values, after their sign.
        reinterpreted: Signed integers whose bytes ``_Unsigned`` declares unsigned.
        scale: In the type of its attribute, None where there is none.
        offset: As ``scale``.
    """

    dtype: np.dtype[Any]
    reinterpreted: bool
    scale: Code | None
    offset: Code | None

    @classmethod
    def of(cls, attributes: Mapping[str, Any], dtype: np.dtype[Any]) -> Packing:
        """The packing that attributes declare for stored values of a type."""
        unsigned = str(attributes.get("_Unsigned", "")).strip().lower() == "true"
        reinterpreted = unsigned and dtype.kind == "i"
        stored = np.dtype(f"u{dtype.itemsize}") if reinterpreted else dtype
        scale, offset = (numbers_of(attributes, name) for name in ("scale_factor", "add_offset"))
        return cls(
            stored, reinterpreted, scale[0] if scale else None, offset[0] if offset else None
        )

    @property
    def is_packed(self) -> bool:
        """True where stored values differ from values."""
        return float(self.scale or 1) != 1 or float(self.offset or 0) != 0

    def signed_right(self, raw: Stored) -> Stored:
        """Stored values, or attributes of their type, as unsigned where they are declared so."""
        if not self.reinterpreted or raw.dtype.kind != "i":
            return raw
        if raw.dtype.itemsize != self.dtype.itemsize:
            return raw  # an attribute of a wider type is no count of these bytes
        return raw.view(f"{raw.dtype.byteorder}u{raw.dtype.itemsize}")

    def unpacked(self, raw: Stored) -> Stored:
        """Values of stored values, computed as the NetCDF library computes them."""
        if not self.is_packed:
            return raw
        if self.scale is not None:
            raw = raw * self.scale
        return raw if self.offset is None else raw + self.offset

    def counts(self, value: float) -> float:
        """The stored value of a value, not rounded."""
        return (float(value) - float(self.offset or 0)) / float(
            1 if self.scale is None else self.scale
        )

    def stored(self, value: Code) -> Code | None:
        """A value as it is stored, of its own precision; None where it can't be."""
        if self.dtype.kind == "f":
            return np.float64(self.counts(float(value))) if self.is_packed else value
        counts = np.float64(self.counts(float(value)))
        if not np.isfinite(counts) or abs(counts - np.rint(counts)) > ROUNDING_COUNTS:
            return None
        return as_stored(np.rint(counts), self.dtype)


def numbers_of(attributes: Mapping[str, Any], name: str, count: int = 0) -> list[Code]:
    """The numbers of an attribute, each in its own type; none where it is not given."""
    if name not in attributes:
        return []
    return list(checked_numbers(attributes[name], count, name).reshape(-1))
