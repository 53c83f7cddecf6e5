"""Reflectivity and rain rate: Z = a R^b, with Z in mm6 m-3, R in mm/h and dBZ = 10 log10 Z."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from echocast.model.errors import ContractViolation, short
from echocast.model.frames import FloatArray

ECHO_FLOOR_DBZ = 5.0  # fainter is no echo: it neither grows nor is forecast
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
        self, rain_rate_mm_h: ArrayLike, *, no_rain_dbz: float = NO_RAIN_DBZ
    ) -> FloatArray:
        """10 log10(a R^b); rates too small for the floor, zero among them, give the floor.

        Args:
            rain_rate_mm_h: Rain rate in mm/h, any shape; NaN stays NaN.
            no_rain_dbz: The floor, in dBZ.

        Returns:
            float32 in dBZ, same shape.

        Raises:
            ContractViolation: A rate is negative.
        """
        rate = np.asarray(rain_rate_mm_h, dtype=np.float32)
        if (rate < 0).any():
            raise ContractViolation(
                f"Rain rates must not be negative, but one is {np.nanmin(rate):g} mm/h; declare"
                " missing values as _FillValue or null.",
                rule="range",
            )
        with np.errstate(divide="ignore"):
            dbz = np.float32(10 * self.b) * np.log10(rate) + np.float32(10 * np.log10(self.a))
        return np.asarray(np.maximum(dbz, np.float32(no_rain_dbz)), dtype=np.float32)

    def rain_rate_mm_h(
        self, reflectivity_dbz: ArrayLike, *, no_rain_dbz: float = NO_RAIN_DBZ
    ) -> FloatArray:
        """(10^(dBZ/10) / a)^(1/b); at or below the floor it does not rain.

        Args:
            reflectivity_dbz: In dBZ, any shape; NaN stays NaN.
            no_rain_dbz: The floor, in dBZ.

        Returns:
            float32 in mm/h, same shape.
        """
        dbz = np.asarray(reflectivity_dbz, dtype=np.float32)
        rate = (10 ** (dbz / np.float32(10)) / np.float32(self.a)) ** np.float32(1 / self.b)
        return np.asarray(np.where(dbz <= no_rain_dbz, np.float32(0), rate), dtype=np.float32)
