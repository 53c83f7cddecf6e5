"""What the numbers of pysteps are: its metadata say unit, transform, and what dry pixels have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echocast.model.errors import ContractViolation, short
from echocast.model.frames import unmasked
from echocast.model.grid import FloatArray
from echocast.model.reflectivity import ZR

UNITS: Final = ("dBZ", "mm/h", "mm")
TRANSFORMS: Final = (None, "dB")
MINUTES: Final = 60.0


@dataclass(frozen=True)
class PystepsValues:
    """The way between numbers of pysteps and reflectivity.

    Args:
        unit: ``dBZ``, ``mm/h``, or ``mm`` over ``accutime``.
        transform: ``dB`` where they are 10 log10 of it, else None; reflectivity is both.
        zerovalue: The number of dry pixels, as transformed.
        threshold: Smaller numbers are dry, as transformed.
        accutime: Minutes over which an amount fell.
        zr: The relation between rain rate and reflectivity.
    """

    unit: str
    transform: str | None
    zerovalue: float
    threshold: float
    accutime: float
    zr: ZR

    @classmethod
    def of_metadata(cls, metadata: Mapping[str, Any]) -> Self:
        """As pysteps' importers, conversions and transformations leave them.

        Raises:
            ContractViolation: They do not say what the numbers are, or it is nothing that we know.
        """
        unit, transform = metadata.get("unit"), metadata.get("transform")
        if unit not in UNITS or transform not in TRANSFORMS:
            raise ContractViolation(
                f"pysteps' values must be in one of {', '.join(UNITS)} with the transform dB or"
                f" none, but its metadata say {short(unit)!r} and {short(transform)!r}; its"
                " utils.conversion and utils.transformation turn them back.",
                rule="units",
            )
        zerovalue = _number(metadata, "zerovalue")
        threshold = _number(metadata, "threshold") if "threshold" in metadata else zerovalue
        accutime = _number(metadata, "accutime") if unit == "mm" else math.nan
        zr = ZR.of_attributes({k: v for k, v in metadata.items() if v is not None})
        return cls(unit, transform, zerovalue, threshold, accutime, zr)

    def reflectivity_dbz(self, values: ArrayLike, *, no_rain_dbz: float = 0.0) -> FloatArray:
        """Numbers of pysteps as reflectivity.

        Args:
            values: Any shape, NaN or masked where missing.
            no_rain_dbz: Of dry pixels, in dBZ.

        Returns:
            float32 in dBZ, the same shape, NaN where missing.

        Raises:
            ContractViolation: A rate is negative, or greater than rain was ever reported.
        """
        given = unmasked(values)
        dry = (given <= self.zerovalue) | (given < self.threshold)
        if self.unit == "dBZ":
            return np.asarray(np.where(dry, np.float32(no_rain_dbz), given), np.float32)
        rate = self._rate_mm_h(np.where(dry, self._lowest(), given))
        where = "pysteps' values"
        dbz = self.zr.reflectivity_dbz(rate, no_rain_dbz=no_rain_dbz, where=where)
        return np.asarray(np.where(dry, np.float32(no_rain_dbz), dbz), np.float32)

    def of_reflectivity(self, reflectivity_dbz: FloatArray) -> NDArray[np.float64]:
        """Reflectivity as numbers of pysteps.

        Args:
            reflectivity_dbz: Any shape, in dBZ, 0 where dry, NaN where missing.

        Returns:
            The same shape, ``zerovalue`` below ``threshold``, NaN where missing.
        """
        values = self._of_rain(reflectivity_dbz).astype(np.float64)
        dry = (values < self.threshold) | (reflectivity_dbz <= 0)
        return np.where(np.isnan(reflectivity_dbz), np.nan, np.where(dry, self.zerovalue, values))

    def _of_rain(self, reflectivity_dbz: FloatArray) -> NDArray[np.floating[Any]]:
        if self.unit == "dBZ":
            return reflectivity_dbz
        rate = self.zr.rain_rate_mm_h(reflectivity_dbz, no_rain_dbz=0.0)
        amount = rate * (self.accutime / MINUTES) if self.unit == "mm" else rate
        with np.errstate(divide="ignore"):
            return amount if self.transform is None else 10 * np.log10(amount)

    def _rate_mm_h(self, values: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        amount = values if self.transform is None else 10 ** (values / 10)
        return amount * (MINUTES / self.accutime) if self.unit == "mm" else amount

    def _lowest(self) -> float:
        """A number that is surely no rain."""
        return 0.0 if self.transform is None else -np.inf


def lowest_rain(values_dbz: NDArray[np.floating[Any]], no_rain_dbz: float) -> float:
    """The lowest value that is rain, pysteps' ``threshold``; the dry one where none is."""
    wet = values_dbz[values_dbz > no_rain_dbz]
    return float(wet.min()) if wet.size else no_rain_dbz


def _number(metadata: Mapping[str, Any], name: str) -> float:
    """A number of the metadata.

    Raises:
        ContractViolation: It is not there, or not finite.
    """
    value = metadata.get(name)
    try:
        number = float(value)  # type: ignore[arg-type]  # None is refused below
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ContractViolation(
            f"pysteps' metadata need a number {name!r}, but say {short(value)!r}.", rule="units"
        )
    return number
