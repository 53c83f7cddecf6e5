"""Control charts of drift: how far a number of each block is from what it usually is.

The target of a chart is not constant: it is a regression of the number on the difficulty of the
weather, with a long memory. It learns a block only some blocks later, and none while the chart is
in alarm, so that drift does not become the target. Two charts of the standardised residual z alarm
when the number has left its target (Page, Biometrika 1954; Roberts, Technometrics 1959):

    CUSUM  s = max(0, s + z - k), for z and -z         EWMA  e = (1 - w) e + w z

The chart of intensities compares histograms of the echoes instead, by the population stability
index. All state goes in and comes out, and is plain JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np

from echocast.model.drift.blocks import Block
from echocast.model.verification.frame_statistics import HISTOGRAM, stability_index

NEVER: Final = 1e9
LARGEST_Z: Final = 3.0  # one block alone is no drift
ENDS: Final = 0.25  # share of its limit below which a chart's alarm ends
Row = tuple[float, ...]
SLOPE_PRIOR: Final = 1.0  # weight, in blocks, of the prior that difficulty does not matter


@dataclass(frozen=True)
class ChartParameters:
    """How an indicator is charted; counts are blocks that have the indicator.

    Args:
        smallest_sd: The residual's standard deviation is taken to be at least that, in its units.
        allowance: k of the CUSUM, in standard deviations.
        decision_interval: Where the CUSUM alarms, in standard deviations (h in textbooks).
        weight: w of the EWMA.
        control_limit: Where the EWMA alarms, in standard deviations of the residual.
        falls: Whether a fall matters.
        rises: Whether a rise matters.
        floor: Blocks in the target before the charts can alarm.
        delay: Blocks until the target learns a block.
        memory: Blocks that the target remembers.
    """

    smallest_sd: float
    allowance: float
    decision_interval: float
    weight: float = 0.1
    control_limit: float = NEVER
    falls: bool = True
    rises: bool = True
    floor: int = 20
    delay: int = 12
    memory: float = 80.0


@dataclass(frozen=True)
class ControlChart:
    """State of the two charts of one indicator.

    Args:
        samples: Blocks that had the indicator, ever.
        learned: Blocks in the target, those long ago counting less.
        products: Sum of x x^T over them, x being 1, the difficulties, the value.
        pending: Blocks that the target has yet to learn, oldest first.
        high: CUSUM of rises.
        low: CUSUM of falls.
        ewma: EWMA of z.
        alarm: Whether a chart is beyond its limit, or has been and is not yet well within it.
    """

    samples: int = 0
    learned: float = 0.0
    products: tuple[Row, ...] = ()
    pending: tuple[Row, ...] = ()
    high: float = 0.0
    low: float = 0.0
    ewma: float = 0.0
    alarm: bool = False

    def update(
        self, parameters: ChartParameters, value: float, difficulty: Sequence[float] = ()
    ) -> ControlChart:
        """The chart after one more block.

        Args:
            parameters: How it is charted.
            value: Of the block.
            difficulty: What usually explains the value; always as many numbers.
        """
        row = (1.0, *difficulty, value)
        chart = self._charted(parameters, row) if self.learned >= parameters.floor else self
        return replace(chart._learn(parameters, row), samples=self.samples + 1)

    def reset(self) -> ControlChart:
        """The chart with its target, and all statistics at 0; what waits to be learned is lost."""
        return replace(self.begun_anew(), pending=())

    def begun_anew(self) -> ControlChart:
        """The chart with its target and what waits to be learned, and all statistics at 0."""
        return replace(self, high=0.0, low=0.0, ewma=0.0, alarm=False)

    def cusum(self, parameters: ChartParameters) -> float:
        """Statistic of the CUSUM, on the side that matters."""
        return max(self.high * parameters.rises, self.low * parameters.falls)

    def drift(self, parameters: ChartParameters) -> float:
        """Statistic of the EWMA, on the side that matters."""
        return max(self.ewma * parameters.rises, -self.ewma * parameters.falls, 0.0)

    def _charted(self, parameters: ChartParameters, row: Row) -> ControlChart:
        target, sd = self._target(parameters, row[:-1])
        z = float(np.clip((row[-1] - target) / sd, -LARGEST_Z, LARGEST_Z))
        most = 2 * parameters.decision_interval  # so that an alarm ends soon after its cause
        now = replace(
            self,
            high=min(max(0.0, self.high + z - parameters.allowance), most),
            low=min(max(0.0, self.low - z - parameters.allowance), most),
            ewma=(1 - parameters.weight) * self.ewma + parameters.weight * z,
        )
        reached = max(
            now.cusum(parameters) / parameters.decision_interval,
            now.drift(parameters) / parameters.control_limit,
        )
        return replace(now, alarm=reached > (ENDS if self.alarm else 1.0))

    def _target(self, parameters: ChartParameters, row: Row) -> tuple[float, float]:
        """The target of a block and the standard deviation around it."""
        products = np.asarray(self.products)
        inner, outer = products[:-1, :-1].copy(), products[:-1, -1]
        inner[1:, 1:] += SLOPE_PRIOR * np.diag(np.diag(inner)[1:]) / max(self.learned, 1.0)
        slopes = np.linalg.solve(inner, outer)
        left = products[-1, -1] - slopes @ (2 * outer - products[:-1, :-1] @ slopes)
        sd = np.sqrt(max(left, 0.0) / max(self.learned - len(slopes), 1.0))
        return float(slopes @ np.asarray(row)), max(float(sd), parameters.smallest_sd)

    def _learn(self, parameters: ChartParameters, row: Row) -> ControlChart:
        pending, oldest = _queued(self, parameters, row)
        if oldest is None:
            return replace(self, pending=pending)
        retained, products = 1 - 1 / parameters.memory, np.outer(oldest, oldest)
        if self.products:
            products = products + retained * np.asarray(self.products)
        return replace(
            self,
            pending=pending,
            learned=retained * self.learned + 1,
            products=tuple(map(tuple, products.tolist())),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal chart back."""
        return dict(self.__dict__)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The chart that :meth:`to_json` described."""
        rows = {name: tuple(map(tuple, value[name])) for name in ("products", "pending")}
        return cls(**{**value, **rows})


@dataclass(frozen=True)
class IntensityParameters:
    """How histograms are compared; counts are blocks with echo.

    Args:
        limit: Population stability index above which the intensities have changed.
        recent: Blocks remembered as recent.
        floor: Blocks in the reference before the chart can alarm.
        delay: Blocks until the reference learns a block.
        memory: Blocks that the reference remembers.
    """

    limit: float
    recent: float = 12.0
    floor: int = 30
    delay: int = 24
    memory: float = 120.0


@dataclass(frozen=True)
class IntensityChart:
    """State of the chart of intensities: whether echoes are as strong as they used to be.

    Blocks without echo are left out, and so are the dry pixels of the others: how often it rains
    is weather.

    Args:
        samples: Blocks with echo, ever; histograms are in classes of dBZ.
        learned: Blocks in the reference.
        recent: Recent histogram.
        reference: Histogram of the long time before.
        pending: Blocks that the reference has yet to learn, oldest first.
        alarm: Whether the index is beyond its limit, or has been and is not yet back at its half.
    """

    samples: int = 0
    learned: int = 0
    recent: Row = ()
    reference: Row = ()
    pending: tuple[Row, ...] = ()
    alarm: bool = False

    def update(self, parameters: IntensityParameters, block: Block, fewest: int) -> IntensityChart:
        """The state after one more block; the same where it has fewer pixels with echo."""
        echoes = tuple(float(n) for n in block.counts.get(HISTOGRAM, ())[1:])
        if sum(echoes) < fewest:
            return self
        now = replace(
            self._learn(parameters, echoes),
            samples=self.samples + 1,
            recent=_remembered(self.recent, echoes, parameters.recent),
        )
        reached = now.index(parameters) / parameters.limit
        return replace(now, alarm=reached > (0.5 if self.alarm else 1.0))

    def index(self, parameters: IntensityParameters) -> float:
        """Population stability index of recent and reference, 0 before the floor; 0 or more."""
        if self.learned < parameters.floor:
            return 0.0
        return stability_index(self.recent, self.reference) or 0.0

    def _learn(self, parameters: IntensityParameters, echoes: Row) -> IntensityChart:
        pending, oldest = _queued(self, parameters, echoes)
        if oldest is None:
            return replace(self, pending=pending)
        return replace(
            self,
            pending=pending,
            learned=self.learned + 1,
            reference=_remembered(self.reference, oldest, parameters.memory),
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


def _queued(
    chart: ControlChart | IntensityChart,
    parameters: ChartParameters | IntensityParameters,
    new: Row,
) -> tuple[tuple[Row, ...], Row | None]:
    """The blocks that wait to be learned, and the one to learn now; none while in alarm."""
    if chart.alarm:
        return (), None
    pending = (*chart.pending, new)
    if len(pending) <= parameters.delay and chart.learned >= parameters.floor:
        return pending, None
    return pending[1:], pending[0]


def _remembered(before: Row, echoes: Row, memory: float) -> Row:
    """The histogram that forgets a share of what came before with every block."""
    if not before:
        return echoes
    return tuple(((1 - 1 / memory) * np.asarray(before) + np.asarray(echoes)).tolist())
