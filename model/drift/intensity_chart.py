"""Intensities: whether the radar shows rain as strong as it used to.

The histogram of the echoes of late is compared with that of a long time before by the population
stability index. Blocks without echo are left out, and so is what is dry within the others: how
often it rains is the weather's affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from echocast.model.drift.blocks import Block
from echocast.model.verification.frame_statistics import HISTOGRAM, percentile_dbz, stability_index


@dataclass(frozen=True)
class IntensityPlan:
    """How histograms are compared; counts are blocks with echo.

    Args:
        limit: Index from which on the intensities are others.
        recent: Blocks remembered as of late.
        floor: Blocks the reference needs before there is a verdict.
        delay: Blocks before the reference hears of a block.
        memory: Blocks the reference remembers.
    """

    limit: float
    recent: float = 12.0
    floor: int = 30
    delay: int = 24
    memory: float = 120.0


@dataclass(frozen=True)
class Intensities:
    """Histograms of echoes, by classes of dBZ.

    Args:
        samples: Blocks with echo, ever.
        learned: Blocks in the reference.
        recent: Of late.
        reference: Of the long time before.
        pending: Blocks the reference has yet to hear of, oldest first.
        alarm: Whether the index is beyond its limit, or has been and is not yet back at its half.
    """

    samples: int = 0
    learned: int = 0
    recent: tuple[float, ...] = ()
    reference: tuple[float, ...] = ()
    pending: tuple[tuple[float, ...], ...] = ()
    alarm: bool = False

    def after(self, plan: IntensityPlan, block: Block, fewest: int) -> Intensities:
        """The state after one more block; the same where it has fewer pixels with echo."""
        echoes = tuple(float(n) for n in block.counts.get(HISTOGRAM, ())[1:])
        if sum(echoes) < fewest:
            return self
        heard = self._heard(plan, echoes)
        now = replace(
            heard,
            samples=self.samples + 1,
            recent=_remembered(self.recent, echoes, plan.recent),
        )
        reached = now.index(plan) / plan.limit
        return replace(now, alarm=reached > (0.5 if self.alarm else 1.0))

    def index(self, plan: IntensityPlan) -> float:
        """Population stability index, 0 before the floor."""
        if self.learned < plan.floor:
            return 0.0
        return stability_index(self.recent, self.reference) or 0.0

    def percentile_shift_db(self) -> float | None:
        """How much stronger the 95th percentile of echoes is than it was; None without echoes."""
        now, before = (percentile_dbz((0, *h)) for h in (self.recent, self.reference) if h)
        return None if now is None or before is None else now - before

    def _heard(self, plan: IntensityPlan, echoes: tuple[float, ...]) -> Intensities:
        if self.alarm:
            return replace(self, pending=())
        pending = (*self.pending, echoes)
        if len(pending) <= plan.delay and self.learned >= plan.floor:
            return replace(self, pending=pending)
        return replace(
            self,
            pending=pending[1:],
            learned=self.learned + 1,
            reference=_remembered(self.reference, pending[0], plan.memory),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal state back."""
        return dict(self.__dict__)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The state that :meth:`to_json` described."""
        rows = {
            "recent": tuple(value["recent"]),
            "reference": tuple(value["reference"]),
            "pending": tuple(map(tuple, value["pending"])),
        }
        return cls(**{**value, **rows})


def _remembered(
    before: tuple[float, ...], echoes: tuple[float, ...], memory: float
) -> tuple[float, ...]:
    if not before:
        return echoes
    return tuple(((1 - 1 / memory) * np.asarray(before) + np.asarray(echoes)).tolist())
