"""Series of drift: one number a block, what it usually is, and charts of how far it is from that.

A baseline is a regression with a long memory that hears of a block only some blocks later, and of
none while the series is in alarm: what drifts shall not become usual. Two charts of the
standardised residual z say whether it has left the baseline (Page 1954, Roberts 1959):

    CUSUM  s = max(0, s + z - k), for z and -z         EWMA  e = (1 - w) e + w z

All state goes in and comes out, and is plain JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np

NEVER: Final = 1e9
LARGEST_Z: Final = 3.0  # one block alone is no drift
ENDS: Final = 0.25  # share of its limit below which a chart's alarm ends
SLOPE_PRIOR: Final = 1.0  # blocks' worth of belief that difficulty does not matter


@dataclass(frozen=True)
class Plan:
    """How a series is charted; counts are blocks with evidence.

    Args:
        smallest_sd: The residual's standard deviation is taken to be at least that, in its units.
        slack: k of the CUSUM, in standard deviations.
        cusum_limit: Where the CUSUM alarms.
        weight: w of the EWMA.
        ewma_limit: Where the EWMA alarms, in standard deviations of the residual.
        falls: Whether a fall matters.
        rises: Whether a rise matters.
        floor: Blocks the baseline needs before the charts speak.
        delay: Blocks before the baseline hears of a block.
        memory: Blocks the baseline remembers.
    """

    smallest_sd: float
    slack: float
    cusum_limit: float
    weight: float = 0.1
    ewma_limit: float = NEVER
    falls: bool = True
    rises: bool = True
    floor: int = 20
    delay: int = 12
    memory: float = 80.0


@dataclass(frozen=True)
class Series:
    """Where a series stands.

    Args:
        samples: Blocks with evidence, ever.
        learned: Blocks in the baseline, those long ago counting less.
        products: Sum of x x^T over them, x being 1, the difficulties, the value.
        pending: Blocks the baseline has yet to hear of, oldest first.
        high: CUSUM of rises.
        low: CUSUM of falls.
        ewma: EWMA of z.
        alarm: Whether a chart is beyond its limit, or has been and is not yet well within it.
    """

    samples: int = 0
    learned: float = 0.0
    products: tuple[tuple[float, ...], ...] = ()
    pending: tuple[tuple[float, ...], ...] = ()
    high: float = 0.0
    low: float = 0.0
    ewma: float = 0.0
    alarm: bool = False

    def after(self, plan: Plan, value: float, difficulty: Sequence[float] = ()) -> Series:
        """The series after one more block.

        Args:
            plan: How it is charted.
            value: Of the block.
            difficulty: What the value is usually explained by; always as many numbers.
        """
        row = (1.0, *difficulty, value)
        charted = self._charted(plan, row) if self.learned >= plan.floor else self
        return replace(charted._heard(plan, row), samples=self.samples + 1)

    def at_rest(self) -> Series:
        """The series with its baseline, and nothing suspected."""
        return replace(self, pending=(), high=0.0, low=0.0, ewma=0.0, alarm=False)

    def cusum(self, plan: Plan) -> float:
        """Statistic of the CUSUM, on the side that matters."""
        return max(self.high * plan.rises, self.low * plan.falls)

    def drift(self, plan: Plan) -> float:
        """Statistic of the EWMA, on the side that matters."""
        return max(self.ewma * plan.rises, -self.ewma * plan.falls, 0.0)

    def _charted(self, plan: Plan, row: tuple[float, ...]) -> Series:
        usual, sd = self._usual(plan, row[:-1])
        z = float(np.clip((row[-1] - usual) / sd, -LARGEST_Z, LARGEST_Z))
        most = 2 * plan.cusum_limit  # so that an alarm ends soon after its cause
        now = replace(
            self,
            high=min(max(0.0, self.high + z - plan.slack), most),
            low=min(max(0.0, self.low - z - plan.slack), most),
            ewma=(1 - plan.weight) * self.ewma + plan.weight * z,
        )
        reached = max(now.cusum(plan) / plan.cusum_limit, now.drift(plan) / plan.ewma_limit)
        return replace(now, alarm=reached > (ENDS if self.alarm else 1.0))

    def _usual(self, plan: Plan, row: tuple[float, ...]) -> tuple[float, float]:
        """What the baseline expects, and the standard deviation around it."""
        products = np.asarray(self.products)
        inner, outer = products[:-1, :-1].copy(), products[:-1, -1]
        inner[1:, 1:] += SLOPE_PRIOR * np.diag(np.diag(inner)[1:]) / max(self.learned, 1.0)
        slopes = np.linalg.solve(inner, outer)
        left = products[-1, -1] - slopes @ (2 * outer - products[:-1, :-1] @ slopes)
        sd = np.sqrt(max(left, 0.0) / max(self.learned - len(slopes), 1.0))
        return float(slopes @ np.asarray(row)), max(float(sd), plan.smallest_sd)

    def _heard(self, plan: Plan, row: tuple[float, ...]) -> Series:
        """The block waits for the baseline; the one that waited longest is learned."""
        if self.alarm:
            return replace(self, pending=())
        pending = (*self.pending, row)
        if len(pending) <= plan.delay and self.learned >= plan.floor:
            return replace(self, pending=pending)
        oldest, kept = np.asarray(pending[0]), 1 - 1 / plan.memory
        products = np.outer(oldest, oldest)
        if self.products:
            products = products + kept * np.asarray(self.products)
        return replace(
            self,
            pending=pending[1:],
            learned=kept * self.learned + 1,
            products=tuple(map(tuple, products.tolist())),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal series back."""
        return dict(self.__dict__)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The series that :meth:`to_json` described."""
        rows = {name: tuple(map(tuple, value[name])) for name in ("products", "pending")}
        return cls(**{**value, **rows})
