"""The optional grid of a JSON body."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.contract import InputContract
from echocast.model.errors import ContractViolation
from echocast.model.formats.grid_checks import checked_grid
from echocast.model.formats.kilometres import in_true_units
from echocast.model.formats.projections import declared_mapping, named
from echocast.model.grid import Grid

FIELDS = {"y", "x", "units", "crs"}


def json_grid(value: Any) -> tuple[Grid, dict[str, str]]:
    """The grid ``{"y": [...], "x": [...], "units": "m", "crs": {...}}``; ``crs`` may be left out.

    Args:
        value: What the body has under ``grid``.

    Returns:
        The grid, whose ``crs`` a NetCDF file can hold; and notes, see
        :class:`echocast.model.frames.Frames`.

    Raises:
        ContractViolation: It is not of that form, or its coordinates make no grid.
        InputTooLarge: It has more coordinates than a grid may have.
    """
    if not isinstance(value, dict) or not {"y", "x", "units"} <= set(value) <= FIELDS:
        raise ContractViolation(
            'The field "grid" must have y, x, units and may have crs; nothing else.', rule="grid"
        )
    y, x = (_coordinates(value[name], name) for name in ("y", "x"))
    crs = named(declared_mapping(value.get("crs")))
    units, crs, notes = in_true_units(y, x, str(value["units"])[:40], crs)
    return checked_grid(y, x, units, crs, "the body's grid"), notes


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
