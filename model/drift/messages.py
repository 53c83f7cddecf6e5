"""Messages of drift: one sentence each on what is the matter and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from echocast.model.drift.control_charts import NEVER
from echocast.model.drift.detector import (
    BIAS_SHIFT,
    INPUT_FAULT,
    OF_THE_INPUT,
    PARAMETERS,
    SEASONAL_DRIFT,
    SKILL_DRIFT,
    Drift,
)
from echocast.model.drift.indicators import COVERAGE, SERIES, SKILL, STANDING, WEAKEST, WEATHER

INTENSITIES: Final = "intensities"
UNUSUAL: Final = 1.0  # standard deviations by which a day is harder or easier than usual

NO_SCORES: Final = "The input is not what it was, so scores say little of the model: "
RECALIBRATED: Final = ": ask whether the radar was recalibrated or its product changed."
TOO_LITTLE_RAIN, HARD_DAY, EASY_DAY, USUAL = "too_little_rain", "hard_day", "easy_day", "usual"
SENTENCES: Final = {
    COVERAGE: f"{NO_SCORES}frames or parts of them are missing: look at the feed.",
    STANDING: f"{NO_SCORES}echoes stand still while the rain moves: look for ground clutter.",
    WEAKEST: f"{NO_SCORES}the weakest echoes are more or fewer than they used to be{RECALIBRATED}",
    INTENSITIES: f"{NO_SCORES}echoes are stronger or weaker than they used to be{RECALIBRATED}",
    SKILL_DRIFT: "The model got worse, not the weather harder: see what changed with the last"
    " deployment, and roll back if it holds.",
    BIAS_SHIFT: "The model forecasts more or less rain than it used to: recalibrate it, and roll"
    " back if its skill falls too.",
    SEASONAL_DRIFT: "Model and frozen canary get worse alike, so it is not the weights but the"
    " season: recalibrate, then retrain.",
    TOO_LITTLE_RAIN: "Too little rain yet to tell: {blocks} of {floor} blocks of six hours; nothing"
    " to do.",
    HARD_DAY: "A hard day: all methods score lower alike; nothing to do.",
    EASY_DAY: "An easy day: all methods score higher alike; nothing to do.",
    USUAL: "Nothing is the matter.",
}


class Chart(NamedTuple):
    """The statistic of one chart of one series.

    Args:
        series: Its name.
        chart: ``cusum`` or ``ewma``.
        statistic: In the units of its limit; 0 below the floor.
        limit: Where it alarms.
    """

    series: str
    chart: str
    statistic: float
    limit: float


class SampleSize(NamedTuple):
    """Blocks that had the indicator of a series, and how many the chart needs to alarm."""

    series: str
    blocks: int
    floor: int


def charts(state: Drift) -> Iterator[Chart]:
    """All charts that have a limit."""
    for name in SERIES:
        chart, limits = state.series[name], PARAMETERS.series[name]
        if limits.decision_interval < NEVER:
            yield Chart(name, "cusum", chart.cusum(limits), limits.decision_interval)
        if limits.control_limit < NEVER:
            yield Chart(name, "ewma", chart.drift(limits), limits.control_limit)
    histogram = PARAMETERS.intensities
    yield Chart(INTENSITIES, "ewma", state.intensities.index(histogram), histogram.limit)


def samples(state: Drift) -> Iterator[SampleSize]:
    """How much is known of each series."""
    for name in SERIES:
        yield SampleSize(name, state.series[name].samples, PARAMETERS.series[name].floor)
    yield SampleSize(INTENSITIES, state.intensities.samples, PARAMETERS.intensities.floor)


def finding(state: Drift) -> str:
    """What is the matter, one of :data:`SENTENCES`; the gravest alert only."""
    if INPUT_FAULT in state.alerts:
        return next((name for name in OF_THE_INPUT if state.series[name].alarm), INTENSITIES)
    for alert in (SKILL_DRIFT, BIAS_SHIFT, SEASONAL_DRIFT):
        if alert in state.alerts:
            return alert
    if state.series[SKILL].samples < PARAMETERS.series[SKILL].floor:
        return TOO_LITTLE_RAIN
    weather = state.series[WEATHER].ewma
    if abs(weather) > UNUSUAL:
        return EASY_DAY if weather > 0 else HARD_DAY
    return USUAL


def sentence(state: Drift) -> str:
    """The finding in words, and what to do."""
    samples, floor = state.series[SKILL].samples, PARAMETERS.series[SKILL].floor
    return SENTENCES[finding(state)].format(blocks=samples, floor=floor)
