"""What a challenger has to show, what was asked of it, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

Verdict = Literal["promote", "reject", "insufficient evidence"]


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
