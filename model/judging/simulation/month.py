"""Months of a simulated stream: weather, radar, forecasts, and counts as the service makes them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

import numpy as np

from model.extrapolation import FloatArray
from model.judging.blocks import BLOCK, Block
from model.judging.counting import count
from model.judging.observing import describe
from model.judging.simulation.forecaster import LEADS, Carried, Forecaster
from model.judging.simulation.scenarios import MONTH_DAYS, STEPS_A_DAY, Scenario
from model.judging.simulation.weather import PIXEL_KM, STEP_MINUTES, Moment, Weather
from model.judging.tallies import CANARY, MODEL, Counts, added, with_lead

FIRST: Final = datetime(2026, 4, 1, tzinfo=UTC)
STEPS_A_BLOCK = STEPS_A_DAY // 4
FORECAST_EVERY = 3  # steps
HISTORY = max(LEADS) + 2  # frames kept in mind


class Stream:
    """A simulated stream; deep copies of it live on by themselves.

    Args:
        seed: Of its weather.
        model: The first model; it stays the canary.
    """

    def __init__(self, seed: int, model: Forecaster) -> None:
        self._weather = Weather(seed)
        self._random = np.random.default_rng([seed, 1])
        self._canary = model
        self._frames: dict[int, Moment | None] = {}
        self._step = 0

    def __deepcopy__(self, memo: dict[int, object]) -> Stream:
        other = copy.copy(self)
        other._weather = copy.deepcopy(self._weather, memo)
        other._random = copy.deepcopy(self._random, memo)
        other._frames = dict(self._frames)
        return other

    def month(self, scenario: Scenario, models: Mapping[str, Forecaster]) -> Iterator[Block]:
        """The blocks under a scenario."""
        first = self._step
        model = models[scenario.model]
        while self._step - first < scenario.days * STEPS_A_DAY:
            begin = FIRST + self._step // STEPS_A_BLOCK * BLOCK
            parts: list[Counts] = []
            received = 0
            for _ in range(STEPS_A_BLOCK):
                seen = self._next(scenario, self._step - first)
                if seen is not None:
                    received += 1
                    parts.append(with_lead(describe(seen), 0))
                    parts += self._scores(seen, model)
                self._step += 1
            yield Block.of(begin, STEPS_A_BLOCK, received, added(parts))

    def _next(self, scenario: Scenario, since: int) -> FloatArray | None:
        """The frame of this step as the radar shows it, None where it does not come."""
        imposed = scenario.imposed if since < STEPS_A_DAY else None
        season = scenario.season * since / (MONTH_DAYS * STEPS_A_DAY)
        moment = self._weather.step(imposed, season, scenario.gain_db)
        seen = scenario.radar(moment.rain_dbz, self._random)
        self._frames[self._step] = None if seen is None else Moment(seen, moment.wind)
        self._frames.pop(self._step - HISTORY, None)
        return seen

    def _scores(self, observed: FloatArray, model: Forecaster) -> Iterator[Counts]:
        """Counts of every forecast that is valid now."""
        for lead in LEADS:
            now = self._frames.get(self._step - lead)
            if now is None or (self._step - lead) % FORECAST_EVERY:
                continue
            carried = Carried(self._frames.get(self._step - lead - 1), now, lead)
            minutes = lead * STEP_MINUTES
            same = model is self._canary
            for forecaster, roles in (
                (model, (MODEL, CANARY) if same else (MODEL,)),
                (self._canary, () if same else (CANARY,)),
            ):
                if roles:
                    said = forecaster.forecast(carried)
                    yield with_lead(count(said, observed, roles, minutes, PIXEL_KM), minutes)
