"""Verdict: the decision on a challenger, and the checks behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

Outcome = Literal["promote", "reject", "insufficient evidence"]


@dataclass(frozen=True)
class Check:
    """One requirement, and whether the challenger meets it.

    Args:
        name: Short and stable.
        passed: None where the sample is too small to decide.
        text: What was measured, with its sample.
        numbers: The same for plots, e.g. ``difference``, ``low``, ``high``.
    """

    name: str
    passed: bool | None
    text: str
    numbers: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """The decision on a challenger.

    Args:
        outcome: ``promote``, ``reject`` or ``insufficient evidence``.
        why: In a sentence.
        checks: All requirements.
        sample: What there was: events, blocks, storms, starts, pixels.
        missing: How much of what is lacking, where the evidence is insufficient.
    """

    outcome: Outcome
    why: str
    checks: tuple[Check, ...] = ()
    sample: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal verdict back."""
        value = asdict(self)
        return {"verdict": value.pop("outcome"), **value}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The verdict that :meth:`to_json` described."""
        known = {**value, "checks": tuple(Check(**check) for check in value["checks"])}
        return cls(outcome=known.pop("verdict"), **known)
