"""The JSON body of ``POST /nowcast``: frames as nested lists.

    {"frames": [[[dBZ or null]]], "times": ["2026-07-01T12:00:00Z", ...], "units": "dBZ",
     "zr": {"a": 200, "b": 1.6}, "no_rain_dbz": -32,
     "grid": {"y": [...], "x": [...], "units": "m", "crs": {...}}}

``units`` may also be those of a rain rate (mm/h) or of an amount over an interval (mm/5min).
``zr`` (the Z-R relation of rain), ``no_rain_dbz`` (the value of dry pixels, for dBZ only) and
``grid`` are optional.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from echocast.model.contract import InputContract
from echocast.model.errors import ContractViolation, short
from echocast.model.formats.intervals import Factor, FrameTimes, with_amounts
from echocast.model.formats.json_grid import json_grid
from echocast.model.formats.json_object import json_object
from echocast.model.formats.plausible import check_floor, check_reflectivity, check_strongest
from echocast.model.formats.units import ACCEPTED, RadarUnit, radar_unit, refused_unit
from echocast.model.frames import Frames
from echocast.model.grid import FloatArray, Grid
from echocast.model.reflectivity import NO_RAIN_DBZ, ZR

DECLARE = 'null (missing), or "no_rain_dbz" (dry)'
FIELDS = {"frames", "times", "units", "zr", "no_rain_dbz", "grid"}
NUMBERS = {int, float, type(None)}


def read_json(data: bytes) -> Frames:
    """Read radar frames from a JSON body.

    Args:
        data: The body, UTF-8.

    Returns:
        Reflectivity in dBZ, NaN where the body has null.

    Raises:
        UnreadableInput: The bytes are not JSON.
        InputTooLarge: There are too many frames or pixels.
        ContractViolation: The body breaks a rule.
    """
    body = json_object(data)
    _check_fields(body)
    values = _values(body["frames"])
    unit = json_unit(body)
    times = FrameTimes(_times(body["times"]))
    if unit.is_rain:
        times = with_amounts(times, unit, "The body")
    factor = times.factor(unit, slice(None))
    reflectivity, floor, attributes = _reflectivity(values, body, unit, factor)
    height, width = values.shape[1:]
    grid, place = Grid.of_pixels(height, width), dict[str, str]()
    if body.get("grid") is not None:
        grid, place = json_grid(body["grid"])
    notes = {**place, **times.notes, **({"units": unit.note} if unit.note else {})}
    return Frames(reflectivity, times.times, grid, floor, attributes, notes)


def json_unit(body: Mapping[str, Any]) -> RadarUnit:
    """What the values of a body are.

    Raises:
        ContractViolation: Its units are none of reflectivity or rain.
    """
    unit = radar_unit(str(body["units"]))
    if unit is None:
        raise refused_unit(str(body["units"]), "frames", "the body")
    return unit


def _check_fields(body: Mapping[str, Any]) -> None:
    if unknown := sorted(set(body) - FIELDS):
        raise ContractViolation(
            f"The body may have {', '.join(sorted(FIELDS))}, but not {short(unknown[0])!r}.",
            rule="unknown-field",
        )
    for name in ("frames", "times"):
        if not isinstance(body.get(name), list) or not body[name]:
            raise ContractViolation(
                f"The body must have a list {name!r} that is not empty.", rule=f"{name}-missing"
            )
    if body.get("units") is None:
        raise ContractViolation(
            f'The body must declare "units" ({ACCEPTED}); it declares none.',
            rule="units-missing",
        )


def _values(frames: list[Any]) -> FloatArray:
    """Nested lists as float32 (time, y, x), null as NaN."""
    height, width = _shape(frames[0])
    InputContract().check_size((len(frames), height, width), "The body")
    values = np.empty((len(frames), height, width), np.float32)
    for index, frame in enumerate(frames):
        _check_frame(frame, index, (height, width))
        values[index] = _numbers(frame, index)
    return values


def _shape(frame: Any) -> tuple[int, int]:
    if not (isinstance(frame, list) and frame and isinstance(frame[0], list) and frame[0]):
        raise ContractViolation(
            "Frames must be lists of rows of numbers, but frame 0 is not.", rule="json-shape"
        )
    return len(frame), len(frame[0])


def _check_frame(frame: Any, index: int, shape: tuple[int, int]) -> None:
    """Every frame has as many rows and columns as the first, and nothing but numbers and null."""
    if not isinstance(frame, list) or len(frame) != shape[0]:
        rows = len(frame) if isinstance(frame, list) else "no"
        raise ContractViolation(
            f"All frames must have the same shape, but frame {index} has {rows} rows where frame 0"
            f" has {shape[0]}.",
            rule="shape",
        )
    for row, values in enumerate(frame):
        if not isinstance(values, list) or len(values) != shape[1]:
            columns = len(values) if isinstance(values, list) else "no"
            raise ContractViolation(
                f"All rows must have the same length, but row {row} of frame {index} has {columns}"
                f" values where the first has {shape[1]}.",
                rule="shape",
            )
        if not set(map(type, values)) <= NUMBERS:
            column = next(i for i, value in enumerate(values) if type(value) not in NUMBERS)
            raise ContractViolation(
                f"Values must be numbers or null, but frame {index}, row {row}, column {column}"
                f" holds {short(values[column])!r}.",
                rule="data-type",
            )


def _numbers(frame: list[Any], index: int) -> FloatArray:
    try:
        with np.errstate(over="ignore"):
            return np.array(frame, dtype=np.float64).astype(np.float32)
    except OverflowError as error:
        raise ContractViolation(
            f"Frame {index} holds a whole number too large for any reflectivity.", rule="range"
        ) from error


def _times(values: list[Any]) -> tuple[datetime, ...]:
    return tuple(_time(value, index) for index, value in enumerate(values))


def _time(value: Any, index: int) -> datetime:
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise ContractViolation(
                f"Times must state their zone, such as Z, but time {index} is {short(value)!r}.",
                rule="time-zone",
            )
        return time.astimezone(UTC)
    except (ValueError, TypeError, OverflowError) as error:
        raise ContractViolation(
            f"Times must be ISO 8601, such as 2026-07-01T12:00:00Z, but time {index} is"
            f" {short(value)!r}.",
            rule="time-units",
        ) from error


def _reflectivity(
    values: FloatArray, body: Mapping[str, Any], unit: RadarUnit, factor: Factor
) -> tuple[FloatArray, float, dict[str, str]]:
    """Values in dBZ, the floor in dBZ, and the Z-R relation as attributes."""
    relation = _zr(body.get("zr"))
    attributes = {"zr_a": str(relation.a), "zr_b": str(relation.b)}
    if not unit.is_rain:
        lowest = check_reflectivity(values, "the body", DECLARE)
        floor = _floor(lowest, body.get("no_rain_dbz"))
        return values, floor, attributes if "zr" in body else {}
    if body.get("no_rain_dbz") is not None:
        raise ContractViolation(
            'The field "no_rain_dbz" goes with dBZ; a dry rain rate is 0 mm/h.',
            rule="no-rain-value",
        )
    reflectivity = relation.reflectivity_dbz(values * factor, where="the body")
    check_strongest(reflectivity, "the body", DECLARE)
    return reflectivity, NO_RAIN_DBZ, attributes


def _floor(lowest: float, declared: Any) -> float:
    """The value of dry pixels in dBZ: as declared, else the lowest there is, at most 0."""
    if declared is None:
        return min(lowest, 0.0) if np.isfinite(lowest) else 0.0
    limits = InputContract()
    allowed = f"{limits.minimum_dbz:g}..{limits.maximum_dbz:g}"
    if type(declared) not in (int, float) or not (
        limits.minimum_dbz <= declared <= limits.maximum_dbz
    ):
        raise ContractViolation(
            f'The field "no_rain_dbz" must be a number in {allowed} dBZ, not {short(declared)!r}.',
            rule="no-rain-value",
        )
    floor = float(np.float32(declared))
    check_floor(floor, lowest, "the body", "no_rain_dbz")
    return floor


def _zr(value: Any) -> ZR:
    if value is None:
        return ZR()
    members = value if isinstance(value, dict) else {}
    if set(members) != {"a", "b"} or not {type(v) for v in members.values()} <= {int, float}:
        raise ContractViolation('The field "zr" must be {"a": number, "b": number}.', rule="zr")
    return ZR.of_attributes({"zr_a": members["a"], "zr_b": members["b"]})
