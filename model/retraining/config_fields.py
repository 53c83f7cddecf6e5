"""What each field of a retraining may be: one table for checks, messages and help."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echocast.model.errors import InputError
from echocast.model.verification.counts import THRESHOLDS_DBZ


@dataclass(frozen=True)
class Allowed:
    """The values of one field.

    Args:
        words: What they are, to follow "has to be".
        admits: Whether a value is one of them.
    """

    words: str
    admits: Callable[[Any], bool]


def number(low: float, high: float, unit: str) -> Allowed:
    """Finite numbers from ``low`` to ``high``."""
    words = f"a number{_span(low, high)} ({unit})"
    return Allowed(words, lambda value: _is_number(value) and low <= value <= high)


def whole(low: int, unit: str, high: float = math.inf) -> Allowed:
    """Whole numbers from ``low`` to ``high``."""
    words = f"a whole number{_span(low, high)} ({unit})"
    return Allowed(
        words, lambda value: _is_number(value) and isinstance(value, int) and low <= value <= high
    )


def one_of(values: Collection[float], unit: str) -> Allowed:
    """Some numbers."""
    words = f"one of {', '.join(f'{value:g}' for value in values)} ({unit})"
    return Allowed(words, lambda value: _is_number(value) and value in values)


def several(each: Allowed) -> Allowed:
    """Lists, each of whose items is allowed."""
    return Allowed(
        f"a list, each item {each.words}",
        lambda value: isinstance(value, (list, tuple)) and all(map(each.admits, value)),
    )


def _is_number(value: object) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value)  # type: ignore[arg-type]  # a number by now


def _span(low: float, high: float) -> str:
    return f", {low:.10g} or more" if math.isinf(high) else f" from {low:.10g} to {high:.10g}"


NAME = Allowed("the name of a stream", lambda value: isinstance(value, str) and bool(value))
YES_OR_NO = Allowed("true or false", lambda value: isinstance(value, bool))
CENTURY_DAYS = 36_500
YEAR_MINUTES = 527_040
HEAVY = one_of(THRESHOLDS_DBZ, "dBZ")

RETRAINING: Mapping[str, Allowed] = {
    "streams": several(NAME),
    "days": number(0.01, CENTURY_DAYS, "days before the newest frame"),
    "held_out_share": number(0.01, 0.98, "share of the events"),
    "calibration_share": number(0.01, 0.98, "share of the events"),
    "fewest_training_events": whole(1, "events"),
    "fewest_calibration_events": whole(1, "events"),
    "crop": whole(16, "pixels, a multiple of the network's patch"),
    "windows": whole(1, "training windows in all"),
    "crops": whole(1, "windows from one start time"),
    "stride": whole(1, "frames between start times"),
    "steps": whole(1, "optimiser steps"),
    "batch": whole(1, "windows a step"),
    "peak_rate": number(0, math.inf, "learning rate; 0: 0.7 of the champion's"),
    "bfloat16": YES_OR_NO,
    "seed": whole(0, "of everything random", 2**32 - 1),
}
RULES: Mapping[str, Allowed] = {
    "wet_share": number(0, 1, "share of the seen pixels at 20 dBZ or more"),
    "dry_minutes": number(1, YEAR_MINUTES, "minutes"),
    "longest_minutes": number(1, YEAR_MINUTES, "minutes"),
    "window_frames": whole(2, "frames; the champion's are taken"),
}
GATE: Mapping[str, Allowed] = {
    "worst_csi_loss": number(0, 1, "CSI"),
    "better_at_dbz": HEAVY,
    "persistence_dbz": several(HEAVY),
    "latency_ratio": number(0.01, math.inf, "times the champion's seconds"),
    "block_minutes": number(1, YEAR_MINUTES, "minutes"),
    "fewest_events": whole(1, "held-out events"),
    "fewest_blocks": whole(1, "blocks of start times"),
    "fewest_storms": whole(0, "cores of 40 dBZ, counted each hour"),
    "fewest_pixels": whole(1, "pixels"),
}


def check(values: Mapping[str, Any], table: Mapping[str, Allowed], prefix: str = "") -> None:
    """Demand that values are allowed.

    Args:
        values: By field; those that the table does not know are not looked at.
        table: What is allowed.
        prefix: What the fields are called by before their names, e.g. ``gate.``.

    Raises:
        InputError: The first one that is not.
    """
    for name, allowed in table.items():
        if name in values and not allowed.admits(values[name]):
            raise InputError(
                f"{prefix}{name} has to be {allowed.words}, not {_short(values[name])}.",
                rule="configuration",
            )


def group(value: object, known: Collection[str], what: str) -> dict[str, Any]:
    """A JSON object of known fields.

    Raises:
        InputError: It is no object, or has a field that is not known.
    """
    if not isinstance(value, Mapping):
        raise InputError(
            f"{what} has to be a JSON object of fields, not {_short(value)}.", rule="configuration"
        )
    unknown = [name for name in value if name not in known]
    if unknown:
        raise InputError(
            f"{what} has no field {unknown[0]!r}; known are {', '.join(known)}.",
            rule="configuration",
        )
    return dict(value)


def described(defaults: Mapping[str, Any]) -> Sequence[str]:
    """A line for each field: its name, what it may be, its default."""
    groups = {"": RETRAINING, "rules": RULES, "gate": GATE}
    return [
        f"{f'{where}.' if where else ''}{name}: {allowed.words};"
        f" default {_short((defaults[where] if where else defaults)[name])}"
        for where, table in groups.items()
        for name, allowed in table.items()
    ]


def _short(value: object) -> str:
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 60 else f"{text[:60]}..."
