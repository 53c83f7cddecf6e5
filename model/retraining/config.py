"""RetrainingConfig: everything that decides what a retraining computes, beside the archive."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from model.archive.events import EventRules
from model.errors import InputError
from model.retraining.decision import Gate


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

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal configuration back."""
        return {**asdict(self), "streams": list(self.streams)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The configuration of some fields; the others take their defaults."""
        known = dict(value)
        known["streams"] = tuple(known.get("streams", ()))
        known["rules"] = EventRules(**known.get("rules", {}))
        gate = dict(known.get("gate", {}))
        known["gate"] = Gate.from_json({**asdict(Gate()), **gate})
        return cls(**known)


def config_of(text: str) -> RetrainingConfig:
    """The configuration of some fields, written as JSON.

    Raises:
        InputError: It is none.
    """
    try:
        return RetrainingConfig.from_json(json.loads(text))
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{text[:80]!r} is no configuration of a retraining: {error}.") from None
