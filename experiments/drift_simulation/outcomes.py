"""Outcomes: which alerts the charts raise in simulated months, when, and how often falsely."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from echocast.model.drift.blocks import BLOCK, Block
from echocast.model.drift.detector import ALERTS, PARAMETERS, Drift, DriftParameters
from experiments.drift_simulation.months import BEFORE
from experiments.drift_simulation.scenarios import MONTH_DAYS, SCENARIOS

ORDINARY = (BEFORE, "nothing")  # where any alert is false, and which are whole months
Months = Mapping[str, Sequence[Block]]
BLOCKS_A_DAY = 24 * 3600 / BLOCK.total_seconds()


@dataclass(frozen=True)
class Outcome:
    """The alerts of the charts in one scenario under one seed.

    Args:
        scenario: Its name.
        seed: Of the weather.
        days: How long it was looked at.
        raised: For each alert, in days since the beginning, whenever it began to hold.
    """

    scenario: str
    seed: int
    days: float
    raised: Mapping[str, tuple[float, ...]]


def outcomes(
    seed: int, months: Months, parameters: DriftParameters = PARAMETERS
) -> Iterator[Outcome]:
    """The outcome of the month before, and of each scenario after it."""
    before, outcome = _followed(BEFORE, seed, Drift(), months[BEFORE], parameters)
    yield outcome
    for name in months.keys() & SCENARIOS.keys():
        yield _followed(name, seed, before, months[name], parameters)[1]


def _followed(
    name: str, seed: int, state: Drift, blocks: Sequence[Block], parameters: DriftParameters
) -> tuple[Drift, Outcome]:
    raised: dict[str, tuple[float, ...]] = dict.fromkeys(ALERTS, ())
    for index, block in enumerate(blocks):
        before, state = state.alerts, state.update(block, parameters)
        for alert in state.alerts.keys() - before.keys():
            raised[alert] += ((index + 1) / BLOCKS_A_DAY,)
    return state, Outcome(name, seed, len(blocks) / BLOCKS_A_DAY, raised)


@dataclass(frozen=True)
class Summary:
    """One alert in one scenario over all seeds.

    Args:
        scenario: Its name.
        alert: Its name.
        expectation: ``must``, ``may`` or ``must not``.
        seeds: How many.
        detected: In how many the alert was raised.
        median_days: Delay where it was raised; None where it never was.
        worst_days: The longest of them.
        within_three_days: How many of them took at most three days.
    """

    scenario: str
    alert: str
    expectation: str
    seeds: int
    detected: int
    median_days: float | None
    worst_days: float | None
    within_three_days: int

    @property
    def as_it_should(self) -> bool:
        """Whether it was raised by every seed where it must be, by none where it must not."""
        must_not = self.expectation == "must not" and self.detected
        return not must_not and not (self.expectation == "must" and self.detected < self.seeds)


def summaries(results: Sequence[Outcome]) -> list[Summary]:
    """All alerts in all scenarios."""
    result = []
    for name, scenario in SCENARIOS.items():
        of_it = [outcome for outcome in results if outcome.scenario == name]
        for alert in ALERTS if of_it else ():
            delays = [outcome.raised[alert][0] for outcome in of_it if outcome.raised[alert]]
            expectation = "must" if alert in scenario.must else "must not"
            result.append(
                Summary(
                    name,
                    alert,
                    "may" if alert in scenario.may else expectation,
                    len(of_it),
                    len(delays),
                    median(delays) if delays else None,
                    max(delays, default=None),
                    sum(delay <= 3 for delay in delays),
                )
            )
    return result


def false_alarms_a_month(results: Sequence[Outcome]) -> dict[str, float]:
    """How often each alert is raised in a month in which nothing is the matter."""
    ordinary = [outcome for outcome in results if outcome.scenario in ORDINARY]
    months = sum(outcome.days for outcome in ordinary) / MONTH_DAYS
    return {
        alert: sum(len(outcome.raised[alert]) for outcome in ordinary) / months for alert in ALERTS
    }
