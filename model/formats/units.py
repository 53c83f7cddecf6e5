"""Units of radar fields: reflectivity in dBZ, and rain rates, as files write them."""

from __future__ import annotations

from echocast.model.errors import ContractViolation, short

MM_H = {
    **dict.fromkeys(("mm/h", "mm h-1", "mm h^-1", "mm.h-1", "mm/hr", "mm hr-1"), 1.0),
    **dict.fromkeys(("mm hour-1", "mm/hour", "kg m-2 h-1", "kg/m2/h"), 1.0),
    **dict.fromkeys(("mm s-1", "mm/s", "kg m-2 s-1", "kg/m2/s"), 3600.0),
    **dict.fromkeys(("m s-1", "m/s"), 3.6e6),
}
SPEEDS = {"m s-1", "m/s"}  # a rain rate only where the standard name says so


def mm_h_per_unit(units: str, name: str, where: str) -> float | None:
    """Factor that turns values of a unit into mm/h; None for reflectivity in dBZ.

    Args:
        units: As the file writes them.
        name: Of the field, in messages.
        where: Names the file in messages.

    Raises:
        ContractViolation: No units, or none of reflectivity or rain rate.
    """
    if not units:
        raise ContractViolation(
            f"The radar field must declare its units (dBZ or mm/h), but {name!r} of"
            f" {where} has none.",
            rule="units-missing",
        )
    if units.lower() == "dbz":
        return None
    if units.lower() not in MM_H:
        raise ContractViolation(
            f"The radar field must be in dBZ or mm/h, but {name!r} of {where} is in"
            f" {short(units)!r}.",
            rule="units",
        )
    return MM_H[units.lower()]
