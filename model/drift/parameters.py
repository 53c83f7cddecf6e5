"""Plans: the numbers of all charts of drift, chosen by simulation.

The goals they were chosen for: a worse model is found within three days, and all alerts together
are false at most once a month. Chosen on other weather than they are judged on
(experiments/drift-simulation.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from echocast.model.drift.control_charts import NEVER, Plan
from echocast.model.drift.indicators import (
    AGAINST_CANARY,
    BIAS,
    COVERAGE,
    RELIABILITY_RATIO,
    SKILL,
    STANDING,
    WEAKEST,
    WEATHER,
)
from echocast.model.drift.intensity_chart import IntensityPlan

CHARTS: Final = 2  # raised when a series means something else: states are made again from blocks


@dataclass(frozen=True)
class Plans:
    """How everything is charted.

    Args:
        series: By name.
        intensities: Of the histogram of echoes.
        fewest_events: Pixels, forecast or observed, that a block's score needs.
    """

    series: Mapping[str, Plan]
    intensities: IntensityPlan
    fewest_events: int = 500


PLANS: Final = Plans(
    series={
        SKILL: Plan(
            0.03,
            0.5,
            14.0,
            weight=0.05,
            ewma_limit=0.9,
            rises=False,
            floor=30,
            delay=24,
            memory=160,
        ),
        AGAINST_CANARY: Plan(0.01, 0.5, 5.0, rises=False),
        BIAS: Plan(0.15, 0.5, 4.0),
        RELIABILITY_RATIO: Plan(0.1, 1.0, 8.0, floor=30),
        COVERAGE: Plan(0.1, 0.75, 4.0, falls=False),
        STANDING: Plan(0.03, 1.25, 6.0, falls=False),
        WEAKEST: Plan(0.05, 1.5, 8.0),
        WEATHER: Plan(0.02, 0.5, NEVER, weight=0.4),
    },
    intensities=IntensityPlan(limit=0.2),
)
