"""Units of radar fields: reflectivity in dBZ, rain rates, and amounts of rain over an interval.

Unit strings are those of UDUNITS (CF section 3.1), read by pint. Its registry holds only what rain
is measured in: every other unit is unknown.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from tokenize import TokenError
from typing import Any, Literal

from echocast.model.errors import ContractViolation, short

Kind = Literal["reflectivity", "rate", "amount"]

ACCEPTED = "dBZ, a rain rate (mm/h, kg m-2 s-1), or an amount over a known interval (mm)"
LONGEST_UNIT = 60  # characters
MOST_POWERS = 4  # in one unit

_DEFINITIONS = (
    "micro- = 1e-6 = u- = µ- = μ-",
    "milli- = 1e-3 = m-",
    "centi- = 1e-2 = c-",
    "deci- = 1e-1 = d-",
    "kilo- = 1e3 = k-",
    "meter = [length] = m = metre",
    "inch = 0.0254 * meter = in = inches",
    "foot = 0.3048 * meter = ft = feet",
    "liter = 0.001 * meter ** 3 = l = L = litre",
    "gram = [mass] = g",
    "tonne = 1e6 * gram = t",
    "second = [time] = s = sec",
    "minute = 60 * second = min",
    "hour = 3600 * second = h = hr",
    "day = 86400 * second = d",
    "week = 604800 * second",
    "year = 31556925.9747 * second = yr",
    "month = year / 12",
)
_DBZ = re.compile(r"dbze?", re.IGNORECASE)
_DECIBEL = re.compile(r"db|decibels?", re.IGNORECASE)
_TIME = r"(?:seconds?|secs?|s|minutes?|mins?|hours?|hrs?|h|days?|d)"
_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_PER = re.compile(  # mm/5min, mm per 10 minutes: to UDUNITS a fifth of mm min, which rain is not
    rf"(?P<amount>.+?)\s*(?:/|\bper\b)\s*(?P<interval>{_NUMBER}\s*{_TIME})", re.IGNORECASE
)
_DOUBTFUL = re.compile(  # mm 5min-1: 5 mm a minute to UDUNITS, a fifth of it to its writer
    rf".*[A-Za-z0-9)]\s+{_NUMBER}\s*{_TIME}\s*(?:\*\*|\^)?\s*-1"
)
_MEGA = re.compile(r"\bM[a-z](?![a-z])")  # a mega-unit of UDUNITS, no capital by chance
_CHARACTERS = re.compile(r"[A-Za-z0-9 .*/^()+\-µμ]+")
_TYPOGRAPHY = str.maketrans("−–·⋅×⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--   -0123456789")


@dataclass(frozen=True)
class RadarUnit:
    """What the values of a radar field are.

    Args:
        kind: Reflectivity in dBZ, a rain rate, or an amount of rain over an interval.
        factor: Of rates to mm/h, of amounts to mm; 1 for reflectivity.
        interval: Over which an amount fell, where the unit says it.
        of_rain: Whether the unit alone says so; metres a second might be wind.
        note: How the unit was read, where a reader might not expect it.
    """

    kind: Kind
    factor: float = 1.0
    interval: timedelta | None = None
    of_rain: bool = True
    note: str = ""

    @property
    def is_rain(self) -> bool:
        """Whether the values are rates or amounts, which become reflectivity by a Z-R relation."""
        return self.kind != "reflectivity"

    @property
    def of_stream(self) -> str:
        """``dBZ`` or ``mm/h``: the units of streams that the values fit."""
        return "mm/h" if self.is_rain else "dBZ"


def is_dbz(text: str) -> bool:
    """Whether a unit is dBZ, in any case and also as dBZe."""
    return _DBZ.fullmatch(text.strip()) is not None


def radar_unit(text: str, *, is_reflectivity: bool = False) -> RadarUnit | None:
    """What a unit string says; None where it is no unit of a radar field.

    Args:
        text: As the file writes it.
        is_reflectivity: Whether the field's standard name says so: then dB are dBZ.
    """
    plain = text.strip()
    if is_dbz(plain):
        return RadarUnit("reflectivity")
    if _DECIBEL.fullmatch(plain):
        note = f"The unit {plain!r} was read as dBZ, as the field is a reflectivity."
        return RadarUnit("reflectivity", note=note) if is_reflectivity else None
    return _rain_unit(plain)


def unit_of_rain(
    text: str, name: str, where: str, *, is_reflectivity: bool = False, may_be_stated: bool = False
) -> RadarUnit:
    """What a unit string says of a field whose name does not say that it is rain.

    Args:
        text: As the file writes it.
        name: Of the field, in messages.
        where: Names the file.
        is_reflectivity: As of :func:`radar_unit`.

    Raises:
        ContractViolation: It is no unit of rain: metres may be a height, metres a second wind.
    """
    unit = radar_unit(text, is_reflectivity=is_reflectivity)
    if unit is None or not unit.of_rain:
        raise refused_unit(text, name, where, may_be_stated=may_be_stated)
    return unit


def refused_unit(
    text: str, name: str, where: str, *, may_be_stated: bool = False
) -> ContractViolation:
    """Why a field of a unit cannot be read.

    Args:
        text: The unit as the file writes it.
        name: Of the field.
        where: Names the file.
        may_be_stated: Whether a caller can say what such a file does not.
    """
    if not text.strip():
        remedy = "; state them, such as units=dBZ" if may_be_stated else ""
        return ContractViolation(
            f"The radar field must declare its units ({ACCEPTED}), but {name!r} of {where} has"
            f" none{remedy}.",
            rule="units-missing",
        )
    return ContractViolation(
        f"The radar field must be in {ACCEPTED}, but {name!r} of {where} is in {short(text)!r}.",
        rule="units",
    )


@lru_cache(maxsize=64)
def _rain_unit(plain: str) -> RadarUnit | None:
    """A rate or an amount; None for everything else."""
    typed = plain.translate(_TYPOGRAPHY)
    if match := _PER.fullmatch(typed):
        return _amount_over(plain, match["amount"], match["interval"])
    if _DOUBTFUL.fullmatch(typed):
        return None
    if (quantity := _quantity(typed)) is not None:
        return _of_dimension(quantity)
    if not _MEGA.search(typed) and (quantity := _quantity(typed.lower())) is not None:
        unit = _of_dimension(quantity)
        note = f"The unit {short(plain)!r} was read as {short(typed.lower())!r}."
        return unit and RadarUnit(unit.kind, unit.factor, None, unit.of_rain, note)
    return None


def _amount_over(plain: str, amount: str, interval: str) -> RadarUnit | None:
    """A unit that names its interval, such as mm/5min."""
    unit, over = _rain_unit(amount), _quantity(interval.lower())
    seconds = 0.0 if over is None else float(over.to("second").magnitude)
    if unit is None or unit.kind != "amount" or not seconds > 0:
        return None
    note = f"The unit {short(plain)!r} was read as an amount over {seconds / 60:g} minutes."
    return RadarUnit("amount", unit.factor, timedelta(seconds=seconds), note=note)


def _of_dimension(quantity: Any) -> RadarUnit | None:
    """Rates are [length] / [time], amounts [length]; 1 kg m-2 of water is 1 mm."""
    names = {str(name) for name, _ in quantity.unit_items()}
    parse = _registry().parse_expression
    depth = quantity * parse("mm m**2 / kg") if "[mass]" in quantity.dimensionality else quantity
    of_rain = names & {"millimeter", "inch"}
    if depth.check("[length] / [time]"):
        factor = float(depth.to("mm / hour").magnitude)
        unit = RadarUnit("rate", factor, of_rain=bool(of_rain or names & {"liter", "kilogram"}))
    elif depth.check("[length]"):
        unit = RadarUnit("amount", float(depth.to("mm").magnitude), of_rain=bool(of_rain))
    else:
        return None
    return unit if 0 < unit.factor < math.inf else None


def _quantity(text: str) -> Any:
    """Text as pint reads it, where UDUNITS means the same; None where it is no unit."""
    spelled = _spelled(text)
    if len(text) > LONGEST_UNIT or not _CHARACTERS.fullmatch(text) or _is_formula(spelled):
        return None
    try:
        quantity = _registry().parse_expression(spelled)
    except (AssertionError, AttributeError, ArithmeticError, RecursionError, SyntaxError):
        return None
    except (TokenError, TypeError, ValueError):
        return None
    return quantity if hasattr(quantity, "unit_items") else None


def _spelled(text: str) -> str:
    """m2, h-1 and m^2 as powers, and points after letters as products."""
    powers = re.sub(r"\s*(?:\*\*|\^)\s*", "**", text)
    powers = re.sub(r"(?<=[A-Za-zµμ)])(?<![0-9.][eE])(?=[-+]?[0-9])", "**", powers)
    return re.sub(r"(?<=[A-Za-zµμ])\.|\.(?=[A-Za-zµμ])|(?<=[A-Za-zµμ])(?=\()", " ", powers)


def _is_formula(spelled: str) -> bool:
    """Sums, which no unit is, and powers of powers: numbers of millions of digits."""
    sums = r"(?<!\*\*)(?<![0-9.][eE])[-+]"
    large = r"\*\*[-+]?(?:[0-9.]{3}|\(|[0-9.]+\s*\)*\s*\*\*)"
    return spelled.count("**") > MOST_POWERS or bool(re.search(f"{sums}|{large}", spelled))


@lru_cache(maxsize=1)
def _registry() -> Any:
    """Units of rain; pint is imported when the first one is read."""
    import pint

    registry: Any = pint.UnitRegistry(None, cache_folder=None)
    for definition in _DEFINITIONS:
        registry.define(definition)
    return registry
