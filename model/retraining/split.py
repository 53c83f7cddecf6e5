"""Events for training, for calibration and for judging: whole events, split by time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from echocast.model.retraining.config import RetrainingConfig
from echocast.model.retraining.events import Event


@dataclass(frozen=True)
class Split:
    """Events by what they are for; none overlaps in time with one of another part.

    Args:
        training: The oldest ones.
        calibration: Those that choose the probability thresholds.
        held_out: The newest ones.
        left_out: Those that overlap with a later part, e.g. of another radar of the same weather.
    """

    training: tuple[Event, ...]
    calibration: tuple[Event, ...]
    held_out: tuple[Event, ...]
    left_out: tuple[Event, ...]

    def missing(self, config: RetrainingConfig) -> dict[str, int]:
        """Events that are missing in each part."""
        counts = {f"{part}_events": len(events) for part, events in vars(self).items()}
        return {what: n - counts[what] for what, n in needed(config).items() if counts[what] < n}

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal split back."""
        return {part: [e.to_json() for e in events] for part, events in self.__dict__.items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The split that :meth:`to_json` described."""
        return cls(**{part: tuple(map(Event.from_json, e)) for part, e in value.items()})


def needed(config: RetrainingConfig) -> dict[str, int]:
    """Events that each part has to have."""
    return {
        "training_events": config.fewest_training_events,
        "calibration_events": config.fewest_calibration_events,
        "held_out_events": config.gate.fewest_events,
    }


def split(events: Sequence[Event], config: RetrainingConfig) -> Split:
    """Divide events, given by their first frames, among the parts."""
    held_out, earlier, lost = _newest(events, math.ceil(config.held_out_share * len(events)))
    count = math.ceil(config.calibration_share * len(events))
    calibration, training, more_lost = _newest(earlier, count)
    return Split(training, calibration, held_out, (*more_lost, *lost))


def _newest(
    events: Sequence[Event], count: int
) -> tuple[tuple[Event, ...], tuple[Event, ...], tuple[Event, ...]]:
    """The newest events, those that ended before them, and those that overlap."""
    if not events or not count:
        return (), tuple(events), ()
    newest, others = tuple(events[-count:]), events[:-count]
    begin = newest[0].times[0]
    before = tuple(event for event in others if event.times[-1] < begin)
    return newest, before, tuple(event for event in others if event.times[-1] >= begin)
