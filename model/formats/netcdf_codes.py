"""Which values of a NetCDF field are missing, and which are dry."""

from __future__ import annotations

from typing import Any

import numpy as np

from echocast.model.contract import InputContract
from echocast.model.errors import ContractViolation, short
from echocast.model.formats.netcdf_access import Variable
from echocast.model.frames import FloatArray
from echocast.model.reflectivity import NO_RAIN_DBZ

ROUNDING_DBZ = 1e-3  # a declared limit and a declared floor are rounded each for itself


def valid_limits(variable: Variable) -> tuple[float, float]:
    """The lowest and highest value, unpacked, that does not count as missing (CF section 2.5.1)."""
    attributes = {name: variable.getncattr(name) for name in variable.ncattrs()}
    if "_Unsigned" in attributes:
        return -np.inf, np.inf  # the limits are of the other sign; the library knows
    bounds = attributes.get(
        "valid_range", (attributes.get("valid_min", -np.inf), attributes.get("valid_max", np.inf))
    )
    scale, offset = float(attributes.get("scale_factor", 1)), float(attributes.get("add_offset", 0))
    low, high = sorted(float(bound) * scale + offset for bound in bounds)
    return low, high


def with_floor(
    values: FloatArray, declared: Any, valid: tuple[float, float]
) -> tuple[FloatArray, float]:
    """Values with the declared floor; one outside -40..95 dBZ is a code and becomes -32 dBZ."""
    try:
        code = np.float32(declared)
    except (TypeError, ValueError) as error:
        raise ContractViolation(
            f"The attribute no_rain_value must be a number, not {short(declared)!r}.",
            rule="no-rain-value",
        ) from error
    if not valid[0] - ROUNDING_DBZ <= code <= valid[1] + ROUNDING_DBZ:
        raise ContractViolation(
            f"Dry pixels would be read as missing: no_rain_value is {code:g}, but the field's valid"
            f" values are {valid[0]:g}..{valid[1]:g}.",
            rule="no-rain-value",
        )
    limits = InputContract()
    if limits.minimum_dbz <= code <= limits.maximum_dbz:
        return values, float(code)
    values[values == code] = NO_RAIN_DBZ
    return values, NO_RAIN_DBZ
