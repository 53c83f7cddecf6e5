"""The optional grid of a JSON body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.contract import InputContract
from model.errors import ContractViolation
from model.formats.grids import checked_grid
from model.formats.netcdf_grid import named
from model.frames import Grid

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
MOST_TEXT = 10_000
FIELDS = {"y", "x", "units", "crs"}


def json_grid(value: Any) -> Grid:
    """The grid ``{"y": [...], "x": [...], "units": "m", "crs": {...}}``; ``crs`` may be left out.

    Args:
        value: What the body has under ``grid``.

    Returns:
        The grid, whose ``crs`` a NetCDF file can hold.

    Raises:
        ContractViolation: It is not of that form, or its coordinates make no grid.
        InputTooLarge: It has more coordinates than a grid may have.
    """
    if not isinstance(value, dict) or not {"y", "x", "units"} <= set(value) <= FIELDS:
        raise ContractViolation(
            'The field "grid" must have y, x, units and may have crs; nothing else.', rule="grid"
        )
    y, x = (_coordinates(value[name], name) for name in ("y", "x"))
    crs = {str(name): _attribute(name, item) for name, item in _mapping(value.get("crs")).items()}
    return checked_grid(y, x, str(value["units"])[:40], named(crs), "the body's grid")


def _coordinates(values: Any, name: str) -> NDArray[np.float64]:
    if not isinstance(values, list) or not {type(value) for value in values} <= {int, float}:
        raise ContractViolation(f"The grid's {name} must be a list of numbers.", rule="grid")
    InputContract().check_size((1, 1, len(values)), f"The grid's {name}")
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError as error:
        raise ContractViolation(
            f"The grid's {name} holds a number too large.", rule="grid-spacing"
        ) from error


def _mapping(crs: Any) -> Mapping[str, Any]:
    if crs is None:
        return {}
    if not isinstance(crs, dict) or len(crs) > 100:
        raise ContractViolation("The grid's crs must be CF grid-mapping attributes.", rule="grid")
    return crs


def _attribute(name: str, value: Any) -> Any:
    """A value that a NetCDF attribute can hold: text, a number, or a few numbers."""
    text = isinstance(value, str) and 0 < len(value) <= MOST_TEXT and value.isprintable()
    numbers = value if isinstance(value, list) else [value]
    numeric = 0 < len(numbers) <= 100 and all(_is_number(number) for number in numbers)
    if not NAME.fullmatch(name) or not (text or numeric):
        raise ContractViolation(
            "The grid's crs must have CF attribute names with text or numbers, but"
            f" {name[:40]!r} is {str(value)[:40]!r}.",
            rule="grid",
        )
    return value


def _is_number(value: Any) -> bool:
    if type(value) is int:
        return abs(value) < 2**31
    return type(value) is float and bool(np.isfinite(value))
