"""Months of a simulated stream: weather, radar, forecasts, and counts as the service makes them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np

from echocast.model.drift.blocks import BLOCK, Block
from echocast.model.grid import FloatArray
from echocast.model.verification.counts import CANARY, MODEL, Counts, added, with_lead
from echocast.model.verification.frame_counts import count
from echocast.model.verification.frame_statistics import describe
from experiments.drift_simulation.forecaster import LEADS, Carried, Forecaster
from experiments.drift_simulation.scenarios import FIRST_MODEL, SCENARIOS, STEPS_A_DAY, Scenario
from experiments.drift_simulation.weather import PIXEL_KM, STEP_MINUTES, Moment, Weather

BEFORE: Final = "before"  # the ordinary month before all scenarios
FIRST: Final = datetime(2026, 4, 1, tzinfo=UTC)
STEPS_A_BLOCK = STEPS_A_DAY // 4
FORECAST_EVERY = 6  # steps
HISTORY = max(LEADS) + 2  # frames remembered


def months(
    seed: int, models: Mapping[str, Forecaster], requested: Sequence[str]
) -> Iterator[tuple[str, list[Block]]]:
    """The blocks of the month before, then of each requested scenario.

    Args:
        seed: Of the weather.
        models: By name, as the scenarios name them.
        requested: Scenarios.
    """
    weather = Weather(seed)
    stream = Stream(seed, models[FIRST_MODEL])
    ordinary = SCENARIOS["nothing"]
    yield BEFORE, list(stream.blocks(sky(weather, ordinary), ordinary, models))
    skies: dict[tuple[object, ...], list[Moment]] = {}
    for name in sorted(requested, key=lambda name: -SCENARIOS[name].days):
        scenario = SCENARIOS[name]
        kind = (scenario.imposed, scenario.season, scenario.gain_db)
        if kind not in skies:
            skies[kind] = sky(copy.deepcopy(weather), scenario)
        moments = skies[kind][: scenario.days * STEPS_A_DAY]
        yield name, list(copy.deepcopy(stream).blocks(moments, scenario, models))


def sky(weather: Weather, scenario: Scenario) -> list[Moment]:
    """The weather of a scenario, as a radar without other faults shows it."""
    steps = scenario.days * STEPS_A_DAY
    return [
        weather.step(
            scenario.imposed if step < STEPS_A_DAY else None,
            scenario.season * step / steps,
            scenario.gain_db,
        )
        for step in range(steps)
    ]


class Stream:
    """A simulated stream; deep copies of it live on by themselves.

    Args:
        seed: Of its radar's faults.
        model: The first model; it stays the canary.
    """

    def __init__(self, seed: int, model: Forecaster) -> None:
        self._random = np.random.default_rng([seed, 1])
        self._canary = model
        self._frames: dict[int, Moment | None] = {}
        self._step = 0

    def __deepcopy__(self, memo: dict[int, object]) -> Stream:
        other = copy.copy(self)
        other._random = copy.deepcopy(self._random, memo)
        other._frames = dict(self._frames)
        return other

    def blocks(
        self, moments: Iterable[Moment], scenario: Scenario, models: Mapping[str, Forecaster]
    ) -> Iterator[Block]:
        """The blocks of some weather under a scenario."""
        model = models[scenario.model]
        parts: list[Counts] = []
        received = 0
        for moment in moments:
            observed = scenario.radar(moment.rain_dbz, self._random)
            self._frames[self._step] = None if observed is None else Moment(observed, moment.wind)
            self._frames.pop(self._step - HISTORY, None)
            if observed is not None:
                received += 1
                parts += [with_lead(describe(observed), 0), *self._scores(observed, model)]
            self._step += 1
            if self._step % STEPS_A_BLOCK == 0:
                begin = FIRST + (self._step // STEPS_A_BLOCK - 1) * BLOCK
                yield Block.of(begin, STEPS_A_BLOCK, received, added(parts))
                parts, received = [], 0

    def _scores(self, observed: FloatArray, model: Forecaster) -> Iterator[Counts]:
        """Counts of every forecast that is valid now."""
        for lead in LEADS:
            now = self._frames.get(self._step - lead)
            if now is None or (self._step - lead) % FORECAST_EVERY:
                continue
            carried = Carried(self._frames.get(self._step - lead - 1), now, lead)
            minutes = lead * STEP_MINUTES
            same = model is self._canary
            both = [(model, (MODEL, CANARY) if same else (MODEL,))]
            both += [] if same else [(self._canary, (CANARY,))]
            for forecaster, roles in both:
                forecast = forecaster.forecast(carried)
                yield count(forecast, observed, roles, minutes, PIXEL_KM)
