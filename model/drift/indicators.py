"""What a block says of each series of drift: a value and the difficulties that usually explain it.

A block says nothing of a series where it has too few events: rain that did not fall is no evidence.
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
HEAVY_DBZ, ECHO_DBZ = 30.0, 20.0


class Evidence(NamedTuple):
    """A value and what it is usually explained by."""

    value: float
    difficulty: tuple[float, ...] = ()


def evidence(block: Block, fewest_events: int) -> dict[str, Evidence]:
    """What a block says of the series, those left out of which it says nothing.

    Args:
        block: Counts of six hours.
        fewest_events: Events, forecast or observed, that a score needs.
    """
    of = (_skill, _heavy, _against_canary, _reliability, _input, _weakest)
    return {name: said for part in of for name, said in part(block, fewest_events).items()}


def _skill(block: Block, fewest: int) -> Mapping[str, Evidence]:
    """By what factor the model's odds of a hit are those of the reference, as a logarithm.

    A logarithm of odds varies as much in easy weather as in hard, which paired skill does not; at
    20 dBZ more blocks have events than at 30.
    """
    tables = (block.table(method, ECHO_DBZ) for method in (MODEL, DECODED, PERSISTENCE))
    model, reference, persistence = tables
    if min(model.union, reference.union) < fewest or not model.observed:
        return {}
    usual = _log_odds(reference)
    difficulty = (usual, _log_odds(persistence), math.log(model.observed / model.total))
    return {SKILL: Evidence(_log_odds(model) - usual, difficulty)}


def _heavy(block: Block, fewest: int) -> Mapping[str, Evidence]:
    """How hard heavy rain was to forecast, and the model's bias beside the reference's."""
    model, reference = (block.table(method, HEAVY_DBZ) for method in (MODEL, DECODED))
    if min(model.union, reference.union) < fewest or not model.observed:
        return {}
    found = {WEATHER: Evidence(reference.critical_success_index)}
    if model.frequency_bias and reference.frequency_bias:
        found[BIAS] = Evidence(math.log(model.frequency_bias / reference.frequency_bias))
    return found


def _against_canary(block: Block, fewest: int) -> Mapping[str, Evidence]:
    """How much more the model's CSI is than the canary's, the counts of all thresholds added."""
    model, canary = (
        sum((block.table(method, t) for t in STREAM_THRESHOLDS_DBZ), ContingencyTable())
        for method in (MODEL, CANARY)
    )
    if min(model.union, canary.union) < fewest:
        return {}
    return {AGAINST_CANARY: Evidence(model.critical_success_index - canary.critical_success_index)}


def _reliability(block: Block, fewest: int) -> Mapping[str, Evidence]:
    """Events observed per event that the probabilities promised, as a logarithm.

    Rain that grows makes all forecasts too small: how much too small the reference is explains it.
    """
    vector = block.counts.get(f"{RELIABILITY}|{HEAVY_DBZ:g}")
    if vector is None:
        return {}
    pixels, observed = np.asarray(vector[:CLASSES]), sum(vector[CLASSES:])
    promised = float(np.sum(pixels * (np.arange(CLASSES) + 0.5) / CLASSES))
    bias = block.table(DECODED, HEAVY_DBZ).frequency_bias
    if observed < fewest or not promised or not bias > 0:
        return {}
    return {RELIABILITY_RATIO: Evidence(math.log(observed / promised), (math.log(bias),))}


def _input(block: Block, fewest: int) -> Mapping[str, Evidence]:
    found = {}
    if block.expected:
        size, missing = block.counts.get(PIXELS, (0, 0))
        came = min(block.received / block.expected, 1.0)
        found[COVERAGE] = Evidence(1 - came * (1 - missing / size if size else 1.0))
    persistence, extrapolation = (block.table(m, ECHO_DBZ) for m in (PERSISTENCE, EXTRAPOLATION))
    if min(persistence.union, extrapolation.union) >= fewest:
        found[STANDING] = Evidence(
            persistence.critical_success_index - extrapolation.critical_success_index
        )
    return found


def _weakest(block: Block, fewest: int) -> Mapping[str, Evidence]:
    """How many of the weakest echoes there are beside what the next two classes let expect.

    Weather makes the histogram steeper or flatter; only the radar and its product cut it off.
    """
    echoes = block.counts.get(HISTOGRAM, ())[1:]
    if sum(echoes) < fewest:
        return {}
    first, second, third = (math.log(count + 0.5) for count in echoes[:3])
    return {WEAKEST: Evidence(first - 2 * second + third)}


def _log_odds(table: ContingencyTable) -> float:
    """Logarithm of hits per event that was no hit, defined for none of either by half an event."""
    return math.log((table.hits + 0.5) / (table.misses + table.false_alarms + 0.5))
