"""Indicators of drift: numbers of a block, each with the difficulties that usually explain it.

A block has no indicator of a series where it has too few events: dry weather shows nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from echocast.model.drift.blocks import Block
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import (
    CANARY,
    CLASSES,
    DECODED,
    EXTRAPOLATION,
    MODEL,
    PERSISTENCE,
    RELIABILITY,
    STREAM_THRESHOLDS_DBZ,
)
from echocast.model.verification.frame_statistics import HISTOGRAM, PIXELS

SKILL, AGAINST_CANARY = "skill", "against_canary"
BIAS, RELIABILITY_RATIO = "bias", "reliability"
COVERAGE, STANDING, WEAKEST = "coverage", "standing_echo", "weakest_echoes"
WEATHER = "weather"
SERIES: Final = (
    SKILL,
    AGAINST_CANARY,
    BIAS,
    RELIABILITY_RATIO,
    COVERAGE,
    STANDING,
    WEAKEST,
    WEATHER,
)
HEAVY_DBZ, MODERATE_DBZ = 30.0, 20.0


class Indicator(NamedTuple):
    """One number of a block.

    Args:
        value: The number.
        difficulty: What usually explains it.
    """

    value: float
    difficulty: tuple[float, ...] = ()


def indicators(block: Block, fewest_events: int) -> dict[str, Indicator]:
    """The indicators of a block by series; a series with too few events is left out.

    Args:
        block: Counts of six hours.
        fewest_events: Events, forecast or observed, that a score needs.
    """
    parts = (_skill, _heavy, _against_canary, _reliability, _input, _weakest)
    return {name: value for part in parts for name, value in part(block, fewest_events).items()}


def _skill(block: Block, fewest: int) -> Mapping[str, Indicator]:
    """Logarithm of the ratio of the model's odds of a hit to those of the reference.

    A logarithm of odds varies as much in easy weather as in hard, which paired skill does not; at
    20 dBZ more blocks have events than at 30.
    """
    tables = (block.table(method, MODERATE_DBZ) for method in (MODEL, DECODED, PERSISTENCE))
    model, reference, persistence = tables
    if min(model.union, reference.union) < fewest or not model.observed:
        return {}
    expected = _log_odds(reference)
    difficulty = (expected, _log_odds(persistence), math.log(model.observed / model.total))
    return {SKILL: Indicator(_log_odds(model) - expected, difficulty)}


def _heavy(block: Block, fewest: int) -> Mapping[str, Indicator]:
    """How hard heavy rain was to forecast, and the model's bias beside the reference's."""
    model, reference = (block.table(method, HEAVY_DBZ) for method in (MODEL, DECODED))
    if min(model.union, reference.union) < fewest or not model.observed:
        return {}
    values = {WEATHER: Indicator(reference.critical_success_index)}
    if model.frequency_bias and reference.frequency_bias:
        values[BIAS] = Indicator(math.log(model.frequency_bias / reference.frequency_bias))
    return values


def _against_canary(block: Block, fewest: int) -> Mapping[str, Indicator]:
    """How much more the model's CSI is than the canary's, the counts of all thresholds added."""
    model, canary = (
        sum((block.table(method, t) for t in STREAM_THRESHOLDS_DBZ), ContingencyTable())
        for method in (MODEL, CANARY)
    )
    if min(model.union, canary.union) < fewest:
        return {}
    return {AGAINST_CANARY: Indicator(model.critical_success_index - canary.critical_success_index)}


def _reliability(block: Block, fewest: int) -> Mapping[str, Indicator]:
    """Logarithm of events observed per event that the probabilities forecast.

    Rain that grows makes all forecasts too small: how much too small the reference is explains it.
    """
    vector = block.counts.get(f"{RELIABILITY}|{HEAVY_DBZ:g}")
    if vector is None:
        return {}
    pixels, observed = np.asarray(vector[:CLASSES]), sum(vector[CLASSES:])
    forecast = float(np.sum(pixels * (np.arange(CLASSES) + 0.5) / CLASSES))
    bias = block.table(DECODED, HEAVY_DBZ).frequency_bias
    if observed < fewest or not forecast or not bias > 0:
        return {}
    return {RELIABILITY_RATIO: Indicator(math.log(observed / forecast), (math.log(bias),))}


def _input(block: Block, fewest: int) -> Mapping[str, Indicator]:
    """Share of the input that is missing, and how well persistence does beside extrapolation."""
    values = {}
    if block.expected:
        size, missing = block.counts.get(PIXELS, (0, 0))
        received = min(block.received / block.expected, 1.0)
        values[COVERAGE] = Indicator(1 - received * (1 - missing / size if size else 1.0))
    persistence, extrapolation = (
        block.table(m, MODERATE_DBZ) for m in (PERSISTENCE, EXTRAPOLATION)
    )
    if min(persistence.union, extrapolation.union) >= fewest:
        values[STANDING] = Indicator(
            persistence.critical_success_index - extrapolation.critical_success_index
        )
    return values


def _weakest(block: Block, fewest: int) -> Mapping[str, Indicator]:
    """Number of the weakest echoes, compared with what the next two classes suggest.

    Weather makes the histogram steeper or flatter; only the radar and its product cut it off.
    """
    echoes = block.counts.get(HISTOGRAM, ())[1:]
    if sum(echoes) < fewest:
        return {}
    first, second, third = (math.log(count + 0.5) for count in echoes[:3])
    return {WEAKEST: Indicator(first - 2 * second + third)}


def _log_odds(table: ContingencyTable) -> float:
    """Logarithm of hits per event that was no hit, defined for none of either by half an event."""
    return math.log((table.hits + 0.5) / (table.misses + table.false_alarms + 0.5))
