"""What a challenger has to show, what was asked of it, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

Verdict = Literal["promote", "reject", "insufficient evidence"]


@dataclass(frozen=True)
class Gate:
    """What a challenger has to show.

    Args:
        worst_csi_loss: At no threshold may the lower bound of the 90 % interval of the difference
            in CSI be lower than minus this.
        better_at_dbz: At this threshold the interval has to lie above zero.
        persistence_dbz: At these thresholds it beats persistence at every lead.
        latency_ratio: Median time of a nowcast, times the champion's, at most.
        block_minutes: Length of the blocks that are drawn anew.
        fewest_events: Held-out events below which nothing is said.
        fewest_blocks: Blocks of start times, likewise.
        fewest_storms: Cores of 40 dBZ, looked at once an hour, likewise.
        fewest_pixels: Pixels in the union of forecast and observed events below which a threshold
            or lead is not judged; at ``better_at_dbz``, nothing is said.
    """

    worst_csi_loss: float = 0.005
    better_at_dbz: float = 40.0
    persistence_dbz: tuple[float, ...] = (30.0, 40.0)
    latency_ratio: float = 1.2
    block_minutes: float = 60.0
    fewest_events: int = 3
    fewest_blocks: int = 10
    fewest_storms: int = 60
    fewest_pixels: int = 1000

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The gate whose fields these are."""
        return cls(**{**value, "persistence_dbz": tuple(value["persistence_dbz"])})


@dataclass(frozen=True)
class Check:
    """One thing that was asked.

    Args:
        name: Short and stable.
        passed: None where the sample is too small to be asked.
        text: What was found, with its sample.
        numbers: The same for plots, e.g. ``difference``, ``low``, ``high``.
    """

    name: str
    passed: bool | None
    text: str
    numbers: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """What became of a challenger.

    Args:
        verdict: ``promote``, ``reject`` or ``insufficient evidence``.
        why: In a sentence.
        checks: All that was asked.
        sample: What there was: events, blocks, storms, starts, pixels.
        missing: How much of what is lacking, where the evidence is insufficient.
    """

    verdict: Verdict
    why: str
    checks: tuple[Check, ...] = ()
    sample: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal decision back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The decision that :meth:`to_json` described."""
        checks = tuple(Check(**check) for check in value["checks"])
        return cls(**{**value, "checks": checks})
