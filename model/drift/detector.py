"""Drift: whether the model got worse, or the radar, or the season changed, or it is only hard.

Weather moves all methods, drift only ours: so the model is compared with decoded extrapolation and
with the frozen canary on the same pixels, and its skill with what is usual for as difficult
weather. A fault of the input moves everything: it masks all other alerts, and what they suspected
is forgotten.

The state is a fold over blocks of six hours in time order. It can be made again from the counts in
the archive at any time; a block without rain changes nothing but the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Self

from echocast.model.drift.blocks import Block
from echocast.model.drift.control_charts import Series
from echocast.model.drift.indicators import (
    AGAINST_CANARY,
    BIAS,
    COVERAGE,
    RELIABILITY_RATIO,
    SERIES,
    SKILL,
    STANDING,
    WEAKEST,
    evidence,
)
from echocast.model.drift.intensity_chart import Intensities
from echocast.model.drift.parameters import PLANS, Plans
from echocast.model.errors import ModelError

SKILL_DRIFT, BIAS_SHIFT = "skill_drift", "bias_shift"
INPUT_FAULT, SEASONAL_DRIFT = "input_fault", "seasonal_drift"
ALERTS: Final = (SKILL_DRIFT, BIAS_SHIFT, INPUT_FAULT, SEASONAL_DRIFT)
SUSPECTED: Final = 0.5  # share of its limit above which model and canary are not called alike
OF_THE_INPUT: Final = (COVERAGE, STANDING, WEAKEST)


@dataclass(frozen=True)
class Drift:
    """What is known of a stream's drift after some blocks.

    Args:
        upto: Beginning of the newest block.
        series: By name.
        intensities: Of the echoes.
        has_canary: Whether the newest scores had a canary beside the model.
        alerts: Those that hold, and since which block.
    """

    upto: datetime | None = None
    series: Mapping[str, Series] = field(default_factory=lambda: dict.fromkeys(SERIES, Series()))
    intensities: Intensities = field(default_factory=Intensities)
    has_canary: bool = False
    alerts: Mapping[str, datetime] = field(default_factory=dict)

    def after(self, block: Block, plans: Plans = PLANS) -> Drift:
        """The state after one more block.

        Raises:
            ModelError: The block is not newer than the newest one.
        """
        if self.upto is not None and block.begin <= self.upto:
            raise ModelError(
                f"Drift is told in time order: the block of {block.begin.isoformat()} does not"
                f" come after that of {self.upto.isoformat()}."
            )
        says = evidence(block, plans.fewest_events)
        intensities = self.intensities.after(plans.intensities, block, plans.fewest_events)
        series = dict(self.series)
        for name in OF_THE_INPUT:
            if name in says:
                series[name] = series[name].after(plans.series[name], *says[name])
        faulty = intensities.alarm or any(series[name].alarm for name in OF_THE_INPUT)
        for name in set(SERIES) - set(OF_THE_INPUT):
            if faulty:
                series[name] = series[name].at_rest()
            elif name in says:
                series[name] = series[name].after(plans.series[name], *says[name])
        has_canary = AGAINST_CANARY in says if SKILL in says else self.has_canary
        now = Drift(block.begin, series, intensities, has_canary)
        raised = [alert for alert in ALERTS if now._raises(alert, plans)]
        return replace(now, alerts={a: self.alerts.get(a, block.begin) for a in raised})

    def _raises(self, alert: str, plans: Plans) -> bool:
        """Whether the charts as they stand raise an alert; those of a faulty input are at rest."""
        alarm = {name: series.alarm for name, series in self.series.items()}
        if alert == INPUT_FAULT:
            return self.intensities.alarm or any(alarm[name] for name in OF_THE_INPUT)
        if alert == BIAS_SHIFT:
            return alarm[BIAS] or alarm[RELIABILITY_RATIO]
        worse_than_canary = alarm[AGAINST_CANARY]
        if alert == SKILL_DRIFT:
            return worse_than_canary or (alarm[SKILL] and not self.has_canary)
        against = plans.series[AGAINST_CANARY]
        suspected = self.series[AGAINST_CANARY].cusum(against) > SUSPECTED * against.cusum_limit
        return alarm[SKILL] and self.has_canary and not (worse_than_canary or suspected)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal state back."""
        return {
            "upto": self.upto.isoformat() if self.upto else None,
            "series": {name: series.to_json() for name, series in self.series.items()},
            "intensities": self.intensities.to_json(),
            "has_canary": self.has_canary,
            "alerts": {alert: since.isoformat() for alert, since in self.alerts.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The state that :meth:`to_json` described."""
        read = datetime.fromisoformat
        return cls(
            read(value["upto"]) if value["upto"] else None,
            {name: Series.from_json(series) for name, series in value["series"].items()},
            Intensities.from_json(value["intensities"]),
            value["has_canary"],
            {alert: read(since) for alert, since in value["alerts"].items()},
        )


def fold(blocks: Iterable[Block], plans: Plans = PLANS) -> Drift:
    """The state after some blocks, given in any order."""
    state = Drift()
    for block in sorted(blocks, key=lambda block: block.begin):
        state = state.after(block, plans)
    return state
