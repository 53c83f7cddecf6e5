"""RetrainingConfig: everything that decides what a retraining computes, beside the archive."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from echocast.model.errors import InputError
from echocast.model.retraining.config_fields import GATE, RETRAINING, RULES, check, described, group
from echocast.model.retraining.decision import Gate
from echocast.model.retraining.events import EventRules


@dataclass(frozen=True)
class RetrainingConfig:
    """What is trained on what, and judged how.

    Args:
        streams: Names; empty for all that the archive holds.
        days: Only frames up to this much older than the newest one.
        held_out_share: Share of the events, the newest ones, that judge and teach nothing.
        calibration_share: Share of the events before those, that choose the cuts.
        fewest_training_events: Fewer are insufficient evidence.
        fewest_calibration_events: Likewise.
        crop: Side of the training windows in pixels; the grid's, where that is smaller.
        windows: Training windows in all, at most.
        crops: Windows from one start time, at most.
        stride: Frames between two start times, in training and judging.
        steps: Optimiser steps.
        batch: Windows a step.
        peak_rate: Highest learning rate; 0: 0.7 of the one that the champion was trained with.
        bfloat16: Convolutions in bfloat16.
        seed: Of everything random.
        rules: What counts as an event.
        gate: What the challenger has to show.

    Raises:
        InputError: A field that is not allowed (model/retraining/config_fields.py).
    """

    streams: tuple[str, ...] = ()
    days: float = 60.0
    held_out_share: float = 0.3
    calibration_share: float = 0.2
    fewest_training_events: int = 4
    fewest_calibration_events: int = 2
    crop: int = 96
    windows: int = 1500
    crops: int = 4
    stride: int = 3
    steps: int = 600
    batch: int = 8
    peak_rate: float = 0.0
    bfloat16: bool = False
    seed: int = 1
    rules: EventRules = field(default_factory=EventRules)
    gate: Gate = field(default_factory=Gate)

    def __post_init__(self) -> None:
        check(vars(self), RETRAINING)
        check(vars(self.rules), RULES, "rules.")
        check(vars(self.gate), GATE, "gate.")
        shares = self.held_out_share + self.calibration_share
        if shares >= 1:
            raise InputError(
                "held_out_share and calibration_share have to leave events to train on: together"
                f" less than 1, not {shares:g}.",
                rule="configuration",
            )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal configuration back."""
        return {**asdict(self), "streams": list(self.streams)}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The configuration of some fields; the others take their defaults.

        Raises:
            InputError: It is no object of fields, or one of them is unknown or not allowed.
        """
        known = group(value, [item.name for item in fields(cls)], "A retraining's configuration")
        rules = group(known.get("rules", {}), RULES, "rules")
        gate = group(known.get("gate", {}), GATE, "gate")
        check(known, RETRAINING)
        check(gate, GATE, "gate.")
        known["streams"] = tuple(known.get("streams", ()))
        known["rules"] = EventRules(**rules)
        known["gate"] = Gate.from_json({**asdict(Gate()), **gate})
        return cls(**known)


def config_of(text: str) -> RetrainingConfig:
    """The configuration of some fields, written as JSON.

    Raises:
        InputError: It is none.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"{text[:80]!r} is no JSON: {error}.", rule="configuration") from None
    return RetrainingConfig.from_json(value)


def known_fields() -> str:
    """All fields with their units and defaults, a paragraph each, for a command's help."""
    lines = described(RetrainingConfig().to_json())
    return "\n\n".join(["Fields of --config (a JSON object; rules and gate are objects):", *lines])
