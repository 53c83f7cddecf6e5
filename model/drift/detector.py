"""Drift: whether the model got worse, the radar or season changed, or only the weather is hard.

Weather moves all methods, drift only ours: so the model is compared with decoded extrapolation and
with the frozen canary on the same pixels, and its skill with what is usual for weather of the same
difficulty. A fault of the input moves everything: it masks all other alerts and resets their
charts.

The state is made from blocks of six hours in time order, one after the other. It can be made again
from the counts in the archive at any time; a block without rain changes nothing but the time.

The parameters were chosen by simulation, on other weather than they are judged on
(experiments/drift-simulation.md): a worse model is detected within three days, and all alerts
together are false at most once a month.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Self

from echocast.model.drift.blocks import Block
from echocast.model.drift.control_charts import (
    NEVER,
    ChartParameters,
    ControlChart,
    IntensityChart,
    IntensityParameters,
)
from echocast.model.drift.indicators import (
    AGAINST_CANARY,
    BIAS,
    COVERAGE,
    RELIABILITY_RATIO,
    SERIES,
    SKILL,
    STANDING,
    WEAKEST,
    WEATHER,
    Indicator,
    indicators,
)
from echocast.model.errors import ModelError

CHARTS: Final = 3  # raised when a series means something else: states are made again from blocks
SKILL_DRIFT, BIAS_SHIFT = "skill_drift", "bias_shift"
INPUT_FAULT, SEASONAL_DRIFT = "input_fault", "seasonal_drift"
ALERTS: Final = (SKILL_DRIFT, BIAS_SHIFT, INPUT_FAULT, SEASONAL_DRIFT)
SUSPECTED: Final = 0.5  # share of its limit above which model and canary are not called alike
OF_THE_INPUT: Final = (COVERAGE, STANDING, WEAKEST)
OF_THE_MODEL: Final = tuple(name for name in SERIES if name not in OF_THE_INPUT)


@dataclass(frozen=True)
class DriftParameters:
    """How everything is charted.

    Args:
        series: Parameters of the charts of each series, by name.
        intensities: Of the histogram of echoes.
        fewest_events: Pixels, forecast or observed, that a block's score needs.
    """

    series: Mapping[str, ChartParameters]
    intensities: IntensityParameters
    fewest_events: int = 500


PARAMETERS: Final = DriftParameters(
    series={
        SKILL: ChartParameters(
            0.03,
            0.5,
            14.0,
            weight=0.05,
            control_limit=0.9,
            rises=False,
            floor=30,
            delay=24,
            memory=160,
        ),
        AGAINST_CANARY: ChartParameters(0.01, 0.5, 5.0, rises=False),
        BIAS: ChartParameters(0.15, 0.5, 4.0),
        RELIABILITY_RATIO: ChartParameters(0.1, 1.0, 8.0, floor=30),
        COVERAGE: ChartParameters(0.1, 0.75, 4.0, falls=False),
        STANDING: ChartParameters(0.03, 1.25, 6.0, falls=False),
        WEAKEST: ChartParameters(0.05, 1.5, 8.0),
        WEATHER: ChartParameters(0.02, 0.5, NEVER, weight=0.4),
    },
    intensities=IntensityParameters(limit=0.8),
)


@dataclass(frozen=True)
class Drift:
    """What is known of a stream's drift after some blocks.

    Args:
        upto: Beginning of the newest block.
        series: The charts of each series, by name.
        intensities: The chart of the echoes.
        has_canary: Whether the newest scores had a canary beside the model.
        alerts: Those that hold, and since which block.
    """

    upto: datetime | None = None
    series: Mapping[str, ControlChart] = field(
        default_factory=lambda: dict.fromkeys(SERIES, ControlChart())
    )
    intensities: IntensityChart = field(default_factory=IntensityChart)
    has_canary: bool = False
    alerts: Mapping[str, datetime] = field(default_factory=dict)

    def update(self, block: Block, parameters: DriftParameters = PARAMETERS) -> Drift:
        """The state after one more block.

        Raises:
            ModelError: The block is not newer than the newest one.
        """
        if self.upto is not None and block.begin <= self.upto:
            raise ModelError(
                f"Drift is charted in time order: the block of {block.begin.isoformat()} does not"
                f" come after that of {self.upto.isoformat()}."
            )
        fewest = parameters.fewest_events
        values = indicators(block, fewest)
        intensities = self.intensities.update(parameters.intensities, block, fewest)
        series = {name: self._chart(name, values, parameters) for name in SERIES}
        if intensities.alarm or any(series[name].alarm for name in OF_THE_INPUT):
            series |= {name: self.series[name].reset() for name in OF_THE_MODEL}
        has_canary = AGAINST_CANARY in values if SKILL in values else self.has_canary
        now = Drift(block.begin, series, intensities, has_canary)
        raised = [alert for alert in ALERTS if now._raises(alert, parameters)]
        return replace(now, alerts={a: self.alerts.get(a, block.begin) for a in raised})

    def of_another_model(self) -> Drift:
        """The state once another model serves: its alarms are not those of the one before.

        What is usual stays, so that a model which is no better alarms again.
        """
        begun = {name: self.series[name].begun_anew() for name in OF_THE_MODEL if name != WEATHER}
        alerts = {alert: since for alert, since in self.alerts.items() if alert == INPUT_FAULT}
        return replace(self, series={**self.series, **begun}, alerts=alerts)

    def _chart(
        self, name: str, values: Mapping[str, Indicator], parameters: DriftParameters
    ) -> ControlChart:
        """The chart of a series after a block; the same where the block does not have it."""
        chart = self.series[name]
        return chart.update(parameters.series[name], *values[name]) if name in values else chart

    def _raises(self, alert: str, parameters: DriftParameters) -> bool:
        """Whether the charts raise an alert; while the input is faulty the others are reset."""
        alarm = {name: chart.alarm for name, chart in self.series.items()}
        if alert == INPUT_FAULT:
            return self.intensities.alarm or any(alarm[name] for name in OF_THE_INPUT)
        if alert == BIAS_SHIFT:
            return alarm[BIAS] or alarm[RELIABILITY_RATIO]
        worse_than_canary = alarm[AGAINST_CANARY]
        if alert == SKILL_DRIFT:
            return worse_than_canary or (alarm[SKILL] and not self.has_canary)
        against = parameters.series[AGAINST_CANARY]
        statistic = self.series[AGAINST_CANARY].cusum(against)
        suspected = statistic > SUSPECTED * against.decision_interval
        return alarm[SKILL] and self.has_canary and not (worse_than_canary or suspected)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal state back."""
        return {
            "upto": self.upto.isoformat() if self.upto else None,
            "series": {name: chart.to_json() for name, chart in self.series.items()},
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
            {name: ControlChart.from_json(chart) for name, chart in value["series"].items()},
            IntensityChart.from_json(value["intensities"]),
            value["has_canary"],
            {alert: read(since) for alert, since in value["alerts"].items()},
        )
