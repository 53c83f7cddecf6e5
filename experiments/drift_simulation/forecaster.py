"""A small learned forecaster: damped scales of extrapolation, with intensities as it learned them.

What is carried along the wind is split into scales; a least-squares fit gives how much of each is
left after a lead time, how much of the frame before helps against noise, and where rain grows. The
mean is ranked: it gets the intensities of what was carried, corrected so that each is as frequent
as it was in training; the chance of heavy rain is looked up. So, like a network, it has learned one
climate only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from echocast.model.formats.forecast_lead import ForecastLead
from echocast.model.grid import FloatArray
from echocast.model.products import sharp
from experiments.drift_simulation.weather import SIDE, Moment, weather

LEADS: Final = (1, 2, 3)  # steps
WIDTHS: Final = (1.0, 2.0, 4.0)  # of the Gaussians between scales, in pixels
TRAINING_STEPS: Final = 72 * 30
FEATURES = len(WIDTHS) + 5
GROWTH_PIXELS = 1.5
EVENT_DBZ = 30.0
QUANTILES = np.concatenate([np.linspace(0, 0.9, 40), 1 - np.geomspace(0.1, 1e-5, 60)])
CHANCES = 64  # classes of the mean by which the chance of an event is looked up
NO_TIME = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Learned:
    """What was learned for one lead time.

    Args:
        growth: Mean of what was observed less what was carried, where it rains, (height, width).
        weights: Of the scales and the growth.
        carried: Quantiles of what was carried, dBZ.
        observed: The same quantiles of what was observed, dBZ.
        edges: Means, ascending, between which the chance of an event is about the same.
        chances: That it reaches EVENT_DBZ, one more than edges.
    """

    growth: NDArray[np.float64]
    weights: NDArray[np.float64]
    carried: NDArray[np.float64]
    observed: NDArray[np.float64]
    edges: NDArray[np.float64]
    chances: NDArray[np.float64]


class Forecaster:
    """Forecasts from two moments.

    Args:
        learned: For each lead time.
        too_strong_db: Added to all rain that is forecast.
    """

    def __init__(self, learned: Mapping[int, Learned], too_strong_db: float = 0.0) -> None:
        self._learned = learned
        self._too_strong_db = np.float32(too_strong_db)

    def forecast(self, carried: Carried) -> ForecastLead:
        """What is forecast of one lead time."""
        learned = self._learned[carried.lead]
        mean = np.tensordot(learned.weights, carried.features(learned.growth), 1)
        ranked = sharp(np.where(np.isnan(carried.newest), np.nan, mean), carried.newest)
        corrected = np.interp(ranked, learned.carried, learned.observed)
        chance = learned.chances[np.digitize(mean, learned.edges)]
        corrected[corrected > 0] += self._too_strong_db
        unknown = np.isnan(carried.newest)
        forecast_dbz = np.where(unknown, np.nan, corrected).astype(np.float32)
        return ForecastLead(
            NO_TIME,
            forecast_dbz,
            carried.newest,
            np.where(unknown, np.float32(np.nan), carried.standing),
            (EVENT_DBZ,),
            np.where(unknown, np.nan, chance).astype(np.float32)[None],
        )


class Carried:
    """Two moments carried along the wind to a lead time.

    Args:
        before: The moment before the newest; None: it is missing, and the newest stands for it.
        now: The newest.
        lead: In steps.
    """

    def __init__(self, before: Moment | None, now: Moment, lead: int) -> None:
        self.lead = lead
        self.standing = now.rain_dbz
        self.newest = _moved(now.rain_dbz, now.wind * lead)
        older = self.newest if before is None else _moved(before.rain_dbz, now.wind * (lead + 1))
        known = ~(np.isnan(self.newest) | np.isnan(older))
        self.newest = np.where(known, self.newest, np.float32(np.nan))
        new, old = (_scales(np.where(known, field, 0)) for field in (self.newest, older))
        self._scales = [*new, *old[:2], np.ones_like(new[0])]
        self._rain = np.where(known, self.newest, 0) > 0

    def features(self, growth: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the least-squares mean is a sum of, (features, height, width)."""
        return np.stack([*self._scales, self._rain * growth]).astype(np.float32)


Sample = tuple[Carried, FloatArray]  # and what was observed


def _moved(field: FloatArray, by: NDArray[np.float64]) -> FloatArray:
    matrix = np.array([[1, 0, by[1]], [0, 1, by[0]]])
    moved = cv2.warpAffine(
        field, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderValue=float("nan")
    )
    return np.asarray(moved, dtype=np.float32)


def _scales(field: NDArray[np.floating]) -> list[FloatArray]:
    """From the finest to the widest; they add up to the field."""
    blurred = [np.asarray(field, np.float32)]
    blurred += [np.asarray(cv2.GaussianBlur(blurred[0], (0, 0), width)) for width in WIDTHS]
    return [fine - wide for fine, wide in pairwise(blurred)] + [blurred[-1]]


def train(seed: int, fitted_lead: int = 1, too_strong_db: float = 0.0) -> Forecaster:
    """Learn from undisturbed weather.

    Args:
        seed: Of the weather.
        fitted_lead: Lead times are fitted as if they were that many times as long: a worse model.
        too_strong_db: Added to all rain that is forecast.
    """
    moments = list(weather(seed, TRAINING_STEPS))
    learned = {}
    for lead in LEADS:
        samples = _samples(moments, lead)
        longer = samples if fitted_lead == 1 else _samples(moments, lead * fitted_lead)
        growth = _growth(longer)
        learned[lead] = _learn(samples, growth, _weights(longer, growth))
    return Forecaster(learned, too_strong_db)


def _learn(
    samples: Sequence[Sample], growth: NDArray[np.float64], weights: NDArray[np.float64]
) -> Learned:
    triples = [
        (
            np.tensordot(weights, carried.features(growth), 1)[known],
            carried.newest[known],
            then[known],
        )
        for carried, then in samples
        if (known := ~np.isnan(carried.newest)).any()
    ]
    mean, newest, observed = (np.concatenate(values) for values in zip(*triples, strict=True))
    edges = np.unique(np.quantile(mean, 1 - np.geomspace(1, 1e-4, CHANCES)[1:]))
    classes = np.digitize(mean, edges)
    events = np.bincount(classes, observed >= EVENT_DBZ, len(edges) + 1)
    chances = events / np.maximum(np.bincount(classes, minlength=len(edges) + 1), 1)
    before, after = (np.quantile(values, QUANTILES) for values in (newest, observed))
    return Learned(growth, weights, before, after, edges, chances)


def _growth(samples: Sequence[Sample]) -> NDArray[np.float64]:
    total, number = np.zeros((SIDE, SIDE)), np.full((SIDE, SIDE), 1.0)
    for carried, then in samples:
        rain = carried.newest > 0
        total[rain] += then[rain] - carried.newest[rain]
        number += rain
    return np.asarray(cv2.GaussianBlur(total / number, (0, 0), GROWTH_PIXELS))


def _weights(samples: Sequence[Sample], growth: NDArray[np.float64]) -> NDArray[np.float64]:
    """The least-squares fit."""
    products, target = np.zeros((FEATURES, FEATURES)), np.zeros(FEATURES)
    for carried, then in samples:
        known = ~np.isnan(carried.newest)
        features = carried.features(growth)[:, known]
        products += features @ features.T
        target += features @ then[known]
    return np.asarray(np.linalg.solve(products + np.eye(FEATURES), target))


def _samples(moments: Sequence[Moment], lead: int) -> list[Sample]:
    """Every fourth moment, carried, with what was observed."""
    return [
        (Carried(moments[step - 1], moments[step], lead), moments[step + lead].rain_dbz)
        for step in range(1, len(moments) - lead, 4)
    ]
