"""RetrainingConfig: everything that decides what a retraining computes, beside the archive.

The three models say which fields there are, what each may be, and its unit; the sentences that
refuse a value, and the help of the command, are made from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from echocast.model.errors import InputError
from echocast.model.verification.counts import THRESHOLDS_DBZ

CENTURY_DAYS = 36_500
YEAR_MINUTES = 527_040
WHOLE = "A retraining's configuration"
KINDS = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}


def _is_threshold(dbz: float) -> float:
    if dbz not in THRESHOLDS_DBZ:
        raise ValueError
    return dbz


StreamName = Annotated[
    str, Field(min_length=1), WithJsonSchema({"words": "the name of a stream", "type": "string"})
]
Threshold = Annotated[
    float,
    AfterValidator(_is_threshold),
    WithJsonSchema({"words": f"one of {', '.join(f'{dbz:g}' for dbz in THRESHOLDS_DBZ)} (dBZ)"}),
]


class _Checked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class EventRules(_Checked):
    """What counts as one event.

    Args:
        wet_share: Share of the pixels with a value from which a frame is wet.
        dry_minutes: A dry time this long lies between two events.
        longest_minutes: Rain that lasts longer is cut, with a pause of one window in between.
        window_frames: Input and output frames of the network: no event is shorter. Retraining
            takes the champion's.
    """

    wet_share: float = Field(
        default=0.005, ge=0, le=1, description="share of the pixels with a value at 20 dBZ or more"
    )
    dry_minutes: float = Field(default=120.0, ge=1, le=YEAR_MINUTES, description="minutes")
    longest_minutes: float = Field(default=1440.0, ge=1, le=YEAR_MINUTES, description="minutes")
    window_frames: int = Field(default=20, ge=2, description="frames; the champion's are used")


class PromotionCriteria(_Checked):
    """What a challenger has to show.

    Args:
        worst_csi_loss: At no threshold may the lower bound of the 90 % interval of the difference
            in CSI be lower than minus this.
        better_at_dbz: At this threshold the interval has to lie above zero.
        persistence_dbz: At these thresholds it beats persistence at every lead.
        latency_ratio: Median time of a nowcast, times the champion's, at most.
        block_minutes: Length of the blocks that are resampled.
        fewest_events: Held-out events below which nothing is said.
        fewest_blocks: Blocks of start times, likewise.
        fewest_storms: Cores of 40 dBZ, looked at once an hour, likewise.
        fewest_pixels: Pixels in the union of forecast and observed events below which a threshold
            or lead is not judged; at ``better_at_dbz``, nothing is said.
    """

    worst_csi_loss: float = Field(default=0.005, ge=0, le=1, description="CSI")
    better_at_dbz: Threshold = 40.0
    persistence_dbz: tuple[Threshold, ...] = Field(default=(30.0, 40.0), strict=False)
    latency_ratio: float = Field(default=1.2, ge=0.01, description="times the champion's seconds")
    block_minutes: float = Field(default=60.0, ge=1, le=YEAR_MINUTES, description="minutes")
    fewest_events: int = Field(default=3, ge=1, description="held-out events")
    fewest_blocks: int = Field(default=10, ge=1, description="blocks of start times")
    fewest_storms: int = Field(default=60, ge=0, description="cores of 40 dBZ, counted each hour")
    fewest_pixels: int = Field(default=1000, ge=1, description="pixels")


class RetrainingConfig(_Checked):
    """What is trained on what, and judged how.

    Args:
        streams: Names; empty for all that the archive holds.
        days: Only frames up to this much older than the newest one.
        held_out_share: Share of the events, the newest ones, that judge and teach nothing.
        calibration_share: Share of the events before those, that choose probability thresholds.
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

    streams: tuple[StreamName, ...] = Field(default=(), strict=False)
    days: float = Field(
        default=60.0, ge=0.01, le=CENTURY_DAYS, description="days before the newest frame"
    )
    held_out_share: float = Field(default=0.3, ge=0.01, le=0.98, description="share of the events")
    calibration_share: float = Field(
        default=0.2, ge=0.01, le=0.98, description="share of the events"
    )
    fewest_training_events: int = Field(default=4, ge=1, description="events")
    fewest_calibration_events: int = Field(default=2, ge=1, description="events")
    crop: int = Field(default=96, ge=16, description="pixels, a multiple of the network's patch")
    windows: int = Field(default=1500, ge=1, description="training windows in all")
    crops: int = Field(default=4, ge=1, description="windows from one start time")
    stride: int = Field(default=3, ge=1, description="frames between start times")
    steps: int = Field(default=600, ge=1, description="optimiser steps")
    batch: int = Field(default=8, ge=1, description="windows a step")
    peak_rate: float = Field(
        default=0.0, ge=0, description="learning rate; 0: 0.7 of the champion's"
    )
    bfloat16: bool = False
    seed: int = Field(default=1, ge=0, le=2**32 - 1, description="of everything random")
    rules: EventRules = EventRules()
    gate: PromotionCriteria = PromotionCriteria()

    @model_validator(mode="after")
    def _leaves_events_to_train_on(self) -> Self:
        shares = self.held_out_share + self.calibration_share
        if shares >= 1:
            raise ValueError(
                "held_out_share and calibration_share have to leave events to train on: together"
                f" less than 1, not {shares:g}."
            )
        return self

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal configuration back."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The configuration of some fields; the others take their defaults.

        Raises:
            InputError: It is no object of fields, or one of them is unknown or not allowed.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise InputError(_refusal(error, value), rule="configuration") from None


GROUPS: Mapping[str, type[BaseModel]] = {
    "": RetrainingConfig,
    "rules": EventRules,
    "gate": PromotionCriteria,
}


def config_of(text: str) -> RetrainingConfig:
    """The configuration of some fields, written as JSON.

    Raises:
        InputError: It is no JSON, or no configuration.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"{text[:80]!r} is no JSON: {error}.", rule="configuration") from None
    return RetrainingConfig.from_json(value)


def known_fields() -> str:
    """All fields with their units and defaults, a paragraph each, for a command's help."""
    head = "Fields of --config (a JSON object; rules and gate are objects):"
    return "\n\n".join([head, *(line for group in GROUPS for line in _described(group))])


def _described(group: str) -> Iterator[str]:
    for name, schema in _schemas(group).items():
        if "$ref" not in schema:
            path = f"{group}.{name}" if group else name
            yield f"{path}: {_allowed(schema)}; default {_short(schema['default'])}"


def _schemas(group: str) -> dict[str, Any]:
    """The JSON schema of each field of a group."""
    properties: dict[str, Any] = GROUPS[group].model_json_schema()["properties"]
    return properties


def _allowed(schema: Mapping[str, Any]) -> str:
    """What a field may be, to follow "has to be"."""
    if "words" in schema:
        return str(schema["words"])
    if schema["type"] == "array":
        return f"a list, each item {_allowed(schema['items'])}"
    low, high = schema.get("minimum"), schema.get("maximum")
    span = "" if low is None else f", {low:.10g} or more"
    span = f" from {low:.10g} to {high:.10g}" if high is not None else span
    unit = f" ({schema['description']})" if "description" in schema else ""
    return f"{KINDS[schema['type']]}{span}{unit}"


def _refusal(error: ValidationError, value: Any) -> str:
    """The first error in a sentence that names the field, the rule and the value."""
    first = error.errors()[0]
    path = [part for part in first["loc"] if isinstance(part, str)]  # without indices of lists
    *group, name = path or [WHOLE]
    if first["type"] == "extra_forbidden":
        known = ", ".join(GROUPS["".join(group)].model_fields)
        return f"{''.join(group) or WHOLE} has no field {name!r}; known are {known}."
    if first["type"] == "model_type":
        return f"{name} has to be a JSON object of fields, not {_short(first['input'])}."
    if not path:
        return str(first["ctx"]["error"])
    for part in path:
        value = value[part]
    allowed = _allowed(_schemas("".join(group))[name])
    return f"{'.'.join(path)} has to be {allowed}, not {_short(value)}."


def _short(value: object) -> str:
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 60 else f"{text[:60]}..."
