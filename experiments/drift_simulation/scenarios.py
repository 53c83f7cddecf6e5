"""Scenarios: what happens to a stream after an ordinary month, and which alerts it must raise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from echocast.model.grid import FloatArray
from experiments.drift_simulation.weather import (
    EASY,
    HARD,
    SIDE,
    STEP_MINUTES,
    STRONGEST_DBZ,
    Regime,
)

STEPS_A_DAY = round(24 * 60 / STEP_MINUTES)
MONTH_DAYS = 30
FIRST_MODEL: Final = "first"
MODELS: Final = {  # seed of the training weather; lead times fitted, as a multiple; dB too strong
    FIRST_MODEL: (7_000_000, 1, 0.0),
    "another": (7_000_001, 1, 0.0),
    "slightly-worse": (7_000_000, 2, 0.0),
    "worse": (7_000_000, 3, 0.0),
    "too-strong": (7_000_000, 1, 1.5),
}
Radar = Callable[[FloatArray, np.random.Generator], FloatArray | None]


def as_it_is(rain_dbz: FloatArray, _: np.random.Generator) -> FloatArray:
    """A radar without fault."""
    return rain_dbz


def recalibrated(rain_dbz: FloatArray, _: np.random.Generator) -> FloatArray:
    """A radar that shows all echoes 3 dBZ stronger; what it can't detect, it detects no better."""
    return np.where(rain_dbz > 0, np.minimum(rain_dbz + 3, STRONGEST_DBZ), 0).astype(np.float32)


def cluttered(rain_dbz: FloatArray, random: np.random.Generator) -> FloatArray:
    """A radar that shows the hills around it: one pixel in thirty, four frames in five."""
    hills = np.random.default_rng(30)
    places = hills.random((SIDE, SIDE)) < 1 / 30
    strength = hills.uniform(20, 45, (SIDE, SIDE)) + random.normal(0, 4, (SIDE, SIDE))
    shown = places & (random.random((SIDE, SIDE)) < 0.8)
    return np.where(shown, np.maximum(rain_dbz, strength), rain_dbz).astype(np.float32)


def with_gaps(rain_dbz: FloatArray, random: np.random.Generator) -> FloatArray | None:
    """A radar one of whose frames in five never comes."""
    return None if random.random() < 0.2 else rain_dbz


@dataclass(frozen=True)
class Scenario:
    """What changes at the beginning of a month.

    Args:
        meaning: In words.
        must: Alerts that must be raised.
        may: Alerts that may be raised as well; all others must not.
        radar: What becomes of the frames.
        imposed: Weather of the first day.
        model: Which model forecasts from then on, of :data:`MODELS`; the canary is the first.
        season: How far the season goes in the month.
        gain_db: How much too strong the radar shows everything.
        days: How long it is looked at.
    """

    meaning: str
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    radar: Radar = as_it_is
    imposed: Regime | None = None
    model: str = FIRST_MODEL
    season: float = 0.0
    gain_db: float = 0.0
    days: int = MONTH_DAYS


SCENARIOS: Final = {
    "nothing": Scenario("the weather goes on"),
    "hard-day": Scenario("a day of short-lived cells in a strong wind", days=12, imposed=HARD),
    "easy-day": Scenario("a day of long-lived wide rain", days=12, imposed=EASY),
    "equal-model": Scenario(
        "the model is swapped for one trained on other weather", model="another"
    ),
    "worse-model": Scenario(
        "the model is swapped for one fitted on lead times three times as long",
        must=("skill_drift",),
        may=("bias_shift",),
        model="worse",
        days=15,
    ),
    "slightly-worse-model": Scenario(
        "the model is swapped for one fitted on lead times twice as long",
        must=("skill_drift",),
        may=("bias_shift",),
        model="slightly-worse",
        days=15,
    ),
    "biased-model": Scenario(
        "the model is swapped for one that forecasts everything 1.5 dB too strong",
        must=("bias_shift",),
        may=("skill_drift",),
        model="too-strong",
        days=15,
    ),
    "recalibrated": Scenario(
        "the radar shows all echoes 3 dBZ stronger",
        must=("input_fault",),
        may=("bias_shift",),
        radar=recalibrated,
        days=20,
    ),
    "recalibrated-unseen": Scenario(
        "the same, where the product is cut at 5 dBZ far above what the radar can detect",
        may=("input_fault", "bias_shift"),
        gain_db=3.0,
        days=20,
    ),
    "clutter": Scenario(
        "ground echoes on one pixel in thirty",
        must=("input_fault",),
        may=("bias_shift",),
        radar=cluttered,
        days=8,
    ),
    "missing-frames": Scenario(
        "one frame in five does not come", must=("input_fault",), radar=with_gaps, days=8
    ),
    "season": Scenario(
        "over the month showers come to live half as long",
        must=("seasonal_drift",),
        may=("bias_shift",),
        season=1.0,
    ),
}
