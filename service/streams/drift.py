"""Drift of a stream as JSON: one sentence, the alerts that hold, and the charts behind them."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from echocast.model.drift.blocks import BLOCK
from echocast.model.drift.detector import Drift
from echocast.model.drift.messages import charts, finding, samples, sentence
from echocast.service.http.schemas import Answer


class AlertView(Answer):
    """An alert that holds."""

    alert: str
    """``skill_drift``, ``bias_shift``, ``input_fault`` or ``seasonal_drift``."""
    since: datetime
    """Beginning of the block of six hours in which it was raised."""


class ChartView(Answer):
    """One chart of one series."""

    series: str
    chart: str
    """``cusum`` or ``ewma``."""
    statistic: float
    limit: float
    """Where the chart alarms."""


class SampleView(Answer):
    """How much is known of a series."""

    series: str
    blocks: int
    """Blocks of six hours with enough events (count)."""
    floor: int
    """Smallest number of blocks for an alarm."""


class StreamDrift(Answer):
    """Whether the model got worse, the radar or season changed, or only the weather is hard."""

    stream: str
    summary: str
    """What is the matter, and what to do."""
    finding: str
    """Stable name of what ``summary`` says: an alert (but ``input_fault``), a series of the input
    (``coverage``, ``standing_echo``, ``weakest_echoes``, ``intensities``), ``too_little_rain``,
    ``hard_day``, ``easy_day`` or ``usual``."""
    upto: datetime | None
    """End of the newest block of six hours that was charted."""
    alerts: list[AlertView]
    charts: list[ChartView]
    samples: list[SampleView]

    @classmethod
    def of(cls, stream: str, state: Drift) -> Self:
        """The view of a state."""
        return cls(
            stream=stream,
            summary=sentence(state),
            finding=finding(state),
            upto=state.upto and state.upto + BLOCK,
            alerts=[AlertView(alert=a, since=since) for a, since in state.alerts.items()],
            charts=[ChartView(**chart._asdict()) for chart in charts(state)],
            samples=[SampleView(**sample._asdict()) for sample in samples(state)],
        )
