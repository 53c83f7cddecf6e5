"""Reflectivity and rain rate: Z = a R^b, with Z in mm6 m-3, R in mm/h and dBZ = 10 log10 Z."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from echocast.model.errors import ContractViolation, short
from echocast.model.frames import unmasked
from echocast.model.grid import FloatArray

ECHO_FLOOR_DBZ = 5.0  # fainter is no echo: it neither grows nor is forecast
HIGHEST_RATE_MM_H = 2280.0  # 38 mm in a minute, Barot (Guadeloupe), 1970: the most ever reported;
# the WMO's record is 31.2 mm (Unionville, Maryland, 1956)
ROUNDING_MM_H = 0.01  # negative rates that are smaller come of packing or interpolation
NO_RAIN_DBZ = -32.0  # floor where a product does not declare one: about 0.0005 mm/h


@dataclass(frozen=True)
class ZR:
    """A relation between reflectivity and rain rate.

    The default is Marshall and Palmer (1948) as used by most radar services; MeteoSwiss uses
    316/1.5, FMI 223/1.53.

    Args:
        a: Factor, in mm6 m-3 at 1 mm/h.
        b: Exponent.

    Raises:
        ContractViolation: ``a`` or ``b`` is not a positive number.
    """

    a: float = 200.0
    b: float = 1.6

    def __post_init__(self) -> None:
        for name, value in (("a", self.a), ("b", self.b)):
            if not (np.isfinite(value) and value > 0):
                raise ContractViolation(
                    f"The Z-R relation needs positive numbers, but {name} is {short(value)!r}.",
                    rule="zr",
                )

    @classmethod
    def of_attributes(cls, attributes: Mapping[str, Any]) -> Self:
        """The relation in ``zr_a`` and ``zr_b``, or the default where they are not given.

        Raises:
            ContractViolation: They are given but are not positive numbers.
        """
        if "zr_a" not in attributes or "zr_b" not in attributes:
            return cls()
        try:
            return cls(float(attributes["zr_a"]), float(attributes["zr_b"]))
        except (TypeError, ValueError, OverflowError) as error:
            raise ContractViolation(
                "The Z-R relation needs numbers, but zr_a, zr_b are"
                f" {short(attributes['zr_a'])!r}, {short(attributes['zr_b'])!r}.",
                rule="zr",
            ) from error

    def reflectivity_dbz(
        self,
        rain_rate_mm_h: ArrayLike,
        *,
        no_rain_dbz: float = NO_RAIN_DBZ,
        where: str = "the input",
    ) -> FloatArray:
        """10 log10(a R^b); rates too small for the floor, zero among them, give the floor.

        Args:
            rain_rate_mm_h: Rain rate in mm/h, any shape; NaN and what is masked become NaN.
            no_rain_dbz: The floor, in dBZ.
            where: Names the rates in messages.

        Returns:
            float32 in dBZ, same shape.

        Raises:
            ContractViolation: A rate is negative beyond rounding, or greater than rain was ever
            reported.
        """
        rate = unmasked(rain_rate_mm_h)
        if _lowest(rate, where) < 0:
            rate = np.maximum(rate, np.float32(0))
        with np.errstate(divide="ignore"):
            dbz = np.float32(10 * self.b) * np.log10(rate) + np.float32(10 * np.log10(self.a))
        return np.asarray(np.maximum(dbz, np.float32(no_rain_dbz)), dtype=np.float32)

    def rain_rate_mm_h(
        self, reflectivity_dbz: ArrayLike, *, no_rain_dbz: float = NO_RAIN_DBZ
    ) -> FloatArray:
        """(10^(dBZ/10) / a)^(1/b); at or below the floor it does not rain.

        Args:
            reflectivity_dbz: In dBZ, any shape; NaN and what is masked become NaN.
            no_rain_dbz: The floor, in dBZ.

        Returns:
            float32 in mm/h, same shape.
        """
        dbz = unmasked(reflectivity_dbz)
        rate = (10 ** (dbz / np.float32(10)) / np.float32(self.a)) ** np.float32(1 / self.b)
        return np.asarray(np.where(dbz <= no_rain_dbz, np.float32(0), rate), dtype=np.float32)


def rate_text(rain_rate_mm_h: float) -> str:
    """A rain rate in mm/h for people: two digits, whole from 10 on."""
    return f"{rain_rate_mm_h:.2g}" if rain_rate_mm_h < 10 else f"{rain_rate_mm_h:.0f}"


def _lowest(rate: FloatArray, where: str) -> float:
    """The lowest rate, at most 0.

    Raises:
        ContractViolation: Rain cannot be so.
    """
    lowest = np.fmin.reduce(rate, axis=None, initial=np.float32(0))
    highest = np.fmax.reduce(rate, axis=None, initial=np.float32(0))
    for worst in (lowest, highest):
        if worst < -ROUNDING_MM_H or HIGHEST_RATE_MM_H < worst < np.inf:
            raise ContractViolation(
                f"Rain rates must lie in 0..{HIGHEST_RATE_MM_H:g} mm/h (38 mm in a minute is the"
                f" most ever reported), but in {where} one is {worst:g} mm/h; declare missing"
                " values as _FillValue (NetCDF), nodata (ODIM_H5) or null (JSON).",
                rule="range",
            )
    return float(lowest)
