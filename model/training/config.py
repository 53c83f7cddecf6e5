"""What a training is, as a frozen value saved with the weights. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import inf
from typing import Any, Self

from echocast.model.errors import ModelError
from echocast.model.network.config import NetworkConfig


def _check_number(what: str, value: object, least: float, most: float) -> None:
    """Demand a finite number that is not outside its limits."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (number and least <= value <= most and value < inf):  # type: ignore[operator]
        span = f"from {least:g}" if most == inf else f"in {least:g}..{most:g}"
        raise ModelError(f"{what} must be a number {span}, not {value!r}.")


@dataclass(frozen=True)
class Sampling:
    """How often a step of training is fed with the true frame, else with the prediction before it.

    Both chances move along a line to those of a forecast, 1 for inputs and 0 afterwards, which they
    reach after a share of the steps.

    Args:
        inputs: Chance of the truth in the input phase at the first step; the first frame is true.
        forecasts: Chance of the truth in the forecast phase at the first step.
        until: Share of the steps from which on the network runs freely.

    Raises:
        ModelError: A value outside 0..1.
    """

    inputs: float = 1.0
    forecasts: float = 0.0
    until: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            _check_number(f"{name!r} of a sampling", value, 0, 1)

    def chances(self, done: float) -> tuple[float, float]:
        """Chances of the truth, of inputs and of forecasts, when this share of steps is done."""
        left = 1 - done / self.until if done < self.until else 0.0
        return 1 - (1 - self.inputs) * left, self.forecasts * left


FREE_RUNNING = Sampling()
# Scheduled sampling (Bengio et al., NeurIPS 2015). MIM (section 4) prints that it is applied, and
# PredRNN nothing of it; the line is their public code's: 2e-5 a step, 0 from 50 000 of 80 000 on.
SCHEDULED = Sampling(forecasts=1.0, until=0.625)
REVERSE = Sampling(inputs=0.5, forecasts=0.5, until=0.4)  # after PredRNN-V2 (Wang et al., 2021)

SAMPLINGS: Mapping[str, Sampling] = {
    "free-running": FREE_RUNNING,
    "scheduled": SCHEDULED,
    "reverse": REVERSE,
}
PRESET_SAMPLING: Mapping[str, str] = {"paper": "scheduled"}  # the others run freely

LIMITS: Mapping[str, tuple[float, float]] = {
    "steps": (1, inf),
    "batch": (1, inf),
    "peak_rate": (0, inf),
    "warm_up": (0, 1),
    "weight_decay": (0, 1),
    "clip": (0, inf),
    "average": (0, 1),
    "brightness_dbz": (0, 20),
    "balance": (0, 1),
}
WHOLE = ("steps", "batch", "seed")


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides what a run computes, beside its windows.

    Args:
        network: What is trained.
        steps: Optimiser steps in all.
        batch: Windows a step.
        peak_rate: Highest learning rate of the one-cycle schedule.
        warm_up: Share of the steps before the peak.
        weight_decay: AdamW's.
        clip: Largest gradient norm.
        average: Decay of the exponential moving average of the weights.
        brightness_dbz: Windows are brightened or dimmed by up to this much.
        balance: How far the error of the reflectivity is weighted by rain, 0..1 (losses.py).
        shares: How often each event is drawn; events not named count 1.
        sampling: How often the network is fed with the truth.
        bfloat16: Convolutions in bfloat16, states and loss in float32.
        seed: Of everything random.
        warm_start: Name of the run whose averaged weights this one started from; empty for none.

    Raises:
        ModelError: A value that is not of its kind or outside ``LIMITS``.
    """

    network: NetworkConfig
    steps: int = 2000
    batch: int = 6
    peak_rate: float = 2e-3
    warm_up: float = 0.1
    weight_decay: float = 1e-4
    clip: float = 1.0
    average: float = 0.998
    brightness_dbz: float = 2.0
    balance: float = 0.0
    shares: Mapping[str, float] = field(default_factory=dict)
    sampling: Sampling = FREE_RUNNING
    bfloat16: bool = False
    seed: int = 1
    warm_start: str = ""

    def __post_init__(self) -> None:
        for name, (least, most) in LIMITS.items():
            _check_number(f"{name!r} of a training", getattr(self, name), least, most)
        for name in WHOLE:
            if type(getattr(self, name)) is not int:
                raise ModelError(
                    f"{name!r} of a training must be a whole number, not {getattr(self, name)!r}."
                )
        if not isinstance(self.shares, Mapping):
            raise ModelError(f"The shares of events must be named, not {self.shares!r}.")
        for event, share in self.shares.items():
            _check_number(f"The share of {event!r}", share, 0, inf)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "network": self.network.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The configuration that :meth:`to_json` described; fields added since take defaults."""
        parts = {
            "network": NetworkConfig.from_json(value["network"]),
            "sampling": Sampling(**value.get("sampling", {})),
        }
        return cls(**{**value, **parts})
