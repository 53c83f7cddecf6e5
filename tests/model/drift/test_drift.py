"""Drift is told from weather, faults of the input and the season; blocks make its state."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echocast.model.drift.blocks import BLOCK, Block, block_begin
from echocast.model.drift.control_charts import ChartParameters, ControlChart
from echocast.model.drift.detector import (
    BIAS_SHIFT,
    INPUT_FAULT,
    PARAMETERS,
    SEASONAL_DRIFT,
    SKILL_DRIFT,
    SUSPECTED,
    Drift,
)
from echocast.model.drift.indicators import AGAINST_CANARY, COVERAGE, SKILL, WEAKEST, indicators
from echocast.model.drift.messages import charts, finding, samples, sentence
from echocast.model.errors import ModelError
from tests.model.drift.drift_blocks import (
    FIRST,
    FRAMES,
    PIXELS,
    blocks,
    run_detector,
    without_canary,
)

USUAL = 90


@pytest.fixture(scope="module")
def usual() -> Drift:
    return run_detector(blocks(1, USUAL))


def after(state: Drift, more: Iterator[Block]) -> Drift:
    for block in more:
        state = state.update(block)
    return state


def test_ordinary_weather_raises_nothing(usual: Drift) -> None:
    assert not usual.alerts
    state, texts = usual, []
    for block in blocks(1, 120, after=USUAL):
        state = state.update(block)
        texts.append(sentence(state))
    assert not state.alerts
    assert texts.count("Nothing is the matter.") > 90
    assert not [text for text in texts if not text.endswith(("matter.", "nothing to do."))]


def test_a_model_worse_than_its_canary_is_skill_drift(usual: Drift) -> None:
    worse = after(usual, blocks(1, 8, after=USUAL, model=0.0, canary=0.03))
    assert set(worse.alerts) == {SKILL_DRIFT}
    assert sentence(worse).startswith("The model got worse")
    assert finding(worse) == "skill_drift"


def test_a_model_that_gets_worse_together_with_its_canary_is_of_the_season(usual: Drift) -> None:
    worse = after(usual, blocks(1, 30, after=USUAL, model=-0.03))
    assert set(worse.alerts) == {SEASONAL_DRIFT}


def test_model_and_canary_are_not_called_alike_while_one_is_suspected(usual: Drift) -> None:
    worse = after(usual, blocks(1, 30, after=USUAL, model=-0.03))
    parameters = PARAMETERS.series[AGAINST_CANARY]
    suspected = replace(
        worse.series[AGAINST_CANARY], low=SUSPECTED * parameters.decision_interval + 1
    )
    state = replace(worse, series={**worse.series, AGAINST_CANARY: suspected})
    [block] = blocks(1, 1, after=USUAL + 30, model=-0.03, dry=0.0)
    assert set(worse.update(block).alerts) == {SEASONAL_DRIFT}
    assert not state.update(block).alerts


def test_without_a_canary_lost_skill_is_skill_drift(usual: Drift) -> None:
    worse = after(usual, without_canary(blocks(1, 30, after=USUAL, model=-0.03)))
    assert set(worse.alerts) == {SKILL_DRIFT}


def test_a_hard_day_is_said_to_be_one(usual: Drift) -> None:
    def harder(block: Block) -> Block:
        counts = {
            name: [v[0] // 2, v[1] + v[0] // 2, v[2], v[3]] if name[-3:-1] in ("|2", "|3") else v
            for name, v in block.counts.items()
        }
        return replace(block, counts=counts)

    state = after(usual, map(harder, blocks(1, 4, after=USUAL, dry=0.0)))
    assert not state.alerts
    assert sentence(state).startswith("A hard day")
    assert finding(state) == "hard_day"


@pytest.mark.parametrize(
    ("fault", "name", "word"),
    [
        ({"received": FRAMES * 7 // 10}, "coverage", "missing"),
        ({"standing": 0.3}, "standing_echo", "clutter"),
        ({"strong": 2.0}, "weakest_echoes", "recalibrated"),
    ],
)
def test_a_fault_of_the_input_masks_what_it_makes_of_the_model(
    usual: Drift, fault: dict[str, float], name: str, word: str
) -> None:
    state = usual
    for block in blocks(1, 40, after=USUAL, model=-0.1, canary=-0.1, **fault):  # type: ignore[arg-type]
        state = state.update(block)
        if INPUT_FAULT in state.alerts:
            assert set(state.alerts) == {INPUT_FAULT}
    assert set(state.alerts) == {INPUT_FAULT}
    assert finding(state) == name
    assert word in sentence(state)


def of_storms(seed: int, number: int, *, step_db: int = 5) -> Iterator[Block]:
    """Histograms of storms of three blocks, large or small, strong or weak, in steps of dB."""
    random = np.random.default_rng(seed)
    strength = size = 0.0
    for index in range(number):
        if index % 3 == 0:
            strength, size = 3 * math.exp(random.normal(0, 0.5)), math.exp(random.normal(0, 1.2))
        echoes = 20_000 * size * np.exp(-np.arange(12) / strength)
        if step_db == 10:
            echoes[::2], echoes[1::2] = 0, echoes[::2] + echoes[1::2]
        histogram = [PIXELS, *echoes.astype(int).tolist()]
        counts = {"histogram|dbz": histogram, "pixels|missing": [PIXELS, 0]}
        yield Block(FIRST + index * BLOCK, FRAMES, FRAMES, counts)


@pytest.mark.parametrize("seed", [3, 5])
def test_storms_of_other_strengths_are_no_fault_of_the_input_and_another_product_is(
    seed: int,
) -> None:
    state, indices = Drift(), []
    for block in of_storms(seed, 160):
        state = state.update(block)
        indices.append(state.intensities.index(PARAMETERS.intensities))
        assert not state.alerts
    assert max(indices) > 0.2  # the usual limit of a stability index, where samples do not cluster
    for block in of_storms(seed, 16, step_db=10):
        state = state.update(replace(block, begin=block.begin + 160 * BLOCK))
    assert state.intensities.alarm


def test_one_storm_over_most_of_the_domain_is_no_fault_of_the_input() -> None:
    usual = run_detector(of_storms(3, 160))
    echoes = 1_200_000 * np.exp(-np.arange(12) / 60)
    histogram = [PIXELS, *echoes.astype(int).tolist()]
    begin = FIRST + 160 * BLOCK
    storm = Block(
        begin, FRAMES, FRAMES, {"histogram|dbz": histogram, "pixels|missing": [PIXELS, 0]}
    )
    state = usual.update(storm)
    assert state.intensities.index(PARAMETERS.intensities) > 0.614  # what was false once
    assert not state.alerts


def wetter(block: Block) -> Block:
    counts = dict(block.counts)
    for name in ("model|30", "canary|30"):
        if name in counts:
            hits, misses, false_alarms, rest = counts[name]
            counts[name] = [hits, misses, false_alarms + 6000, rest]
    return replace(block, counts=counts)


def test_more_rain_forecast_than_usual_is_a_shift_of_bias(usual: Drift) -> None:
    assert BIAS_SHIFT in after(usual, map(wetter, blocks(1, 20, after=USUAL))).alerts


def test_what_one_model_did_is_no_alarm_of_the_next(usual: Drift) -> None:
    shifted = after(usual, map(wetter, blocks(1, 20, after=USUAL)))
    rolled_back = shifted.of_another_model()
    assert not rolled_back.alerts
    assert rolled_back.upto == shifted.upto
    assert not after(rolled_back, blocks(1, 40, after=USUAL + 20)).alerts
    no_better = after(rolled_back, map(wetter, blocks(1, 20, after=USUAL + 20)))
    assert BIAS_SHIFT in no_better.alerts
    assert Drift.from_json(json.loads(json.dumps(rolled_back.to_json()))) == rolled_back


def test_a_fault_of_the_input_is_not_the_models(usual: Drift) -> None:
    faulty = after(usual, blocks(1, 10, after=USUAL, received=36))
    assert set(faulty.of_another_model().alerts) == {INPUT_FAULT}


def test_alerts_end_when_their_cause_does(usual: Drift) -> None:
    faulty = after(usual, blocks(1, 10, after=USUAL, received=36))
    assert INPUT_FAULT in faulty.alerts
    assert not after(faulty, blocks(1, 40, after=USUAL + 10)).alerts


def test_since_when_an_alert_holds_is_kept(usual: Drift) -> None:
    state = after(usual, blocks(1, 12, after=USUAL, received=36))
    since = state.alerts[INPUT_FAULT]
    assert FIRST + USUAL * BLOCK <= since < FIRST + (USUAL + 12) * BLOCK
    later = after(state, blocks(1, 3, after=USUAL + 12, received=36))
    assert later.alerts[INPUT_FAULT] == since


def test_blocks_without_rain_are_no_evidence(usual: Drift) -> None:
    dry = after(usual, blocks(1, 50, after=USUAL, dry=1.1))
    for name in set(usual.series) - {COVERAGE}:
        assert dry.series[name] == usual.series[name]
    assert dry.intensities == usual.intensities
    assert not dry.alerts


def test_before_the_floor_nothing_is_told() -> None:
    state = run_detector(blocks(1, 5, model=0.0, canary=0.2))
    assert not state.alerts
    assert "Too little rain yet" in sentence(state)
    assert finding(state) == "too_little_rain"
    assert all(chart.statistic == 0 for chart in charts(state))
    assert {s.series: s.blocks for s in samples(state)}[SKILL] < PARAMETERS.series[SKILL].floor


def test_blocks_come_in_time_order(usual: Drift) -> None:
    with pytest.raises(ModelError, match="does not come after"):
        usual.update(next(iter(blocks(1, 1, after=USUAL - 1))))


@settings(max_examples=15)
@given(order=st.permutations(list(range(40))), cut=st.integers(0, 40), seed=st.integers(0, 5))
def test_neither_the_order_of_arrival_nor_a_restart_changes_the_state(
    order: list[int], cut: int, seed: int
) -> None:
    given_blocks = list(blocks(seed, 40, model=0.02, canary=0.03))
    whole = run_detector(given_blocks)
    assert run_detector(given_blocks[index] for index in order) == whole
    halfway = run_detector(given_blocks[:cut])
    restarted = Drift.from_json(json.loads(json.dumps(halfway.to_json())))
    assert restarted == halfway
    assert after(restarted, iter(given_blocks[cut:])) == whole


@settings(max_examples=30)
@given(st.lists(st.floats(-2, 2), min_size=60, max_size=90), st.floats(0, 1))
def test_a_lower_value_never_raises_the_statistic_of_falls_less(
    values: list[float], lower: float
) -> None:
    parameters = ChartParameters(0.5, 0.25, 1e6, rises=False, floor=20)
    series = ControlChart()
    for value in values:
        series = series.update(parameters, value)
    as_it_is, worse = (series.update(parameters, values[-1] - less) for less in (0.0, lower))
    assert worse.cusum(parameters) >= as_it_is.cusum(parameters)
    assert worse.drift(parameters) >= as_it_is.drift(parameters)


def test_a_series_finds_what_difficulty_explains() -> None:
    parameters = ChartParameters(0.01, 0.5, 5.0, floor=20)
    series = ControlChart()
    for index in range(100):
        difficulty = (index % 7) / 7
        series = series.update(parameters, 3 * difficulty + 0.01 * (-1) ** index, (difficulty,))
    assert not series.alarm
    assert series.update(parameters, 3.0, (1.0,)).ewma == pytest.approx(series.ewma, abs=0.3)
    assert abs(series.update(parameters, 0.0, (1.0,)).ewma - series.ewma) > 0.2


def test_a_block_with_few_events_says_nothing_of_skill() -> None:
    block = next(b for b in blocks(1, 5) if "model|30" in b.counts)
    assert SKILL in indicators(block, 500)
    assert SKILL not in indicators(block, 20_000)
    assert COVERAGE in indicators(block, 20_000)


def values_of(**counts: list[int]) -> dict[str, float]:
    """The values of a block of these counts; the threshold stands after the last underline."""
    named = {"|".join(name.rsplit("_", 1)): vector for name, vector in counts.items()}
    block = Block(FIRST, 72, 72, named)
    return {name: indicator.value for name, indicator in indicators(block, 1).items()}


def test_skill_is_a_ratio_of_odds_at_the_threshold_with_most_events() -> None:
    model, reference = [3000, 500, 500, 6000], [2000, 1000, 1000, 6000]
    values = values_of(model_20=model, decoded_extrapolation_20=reference, persistence_20=reference)
    assert values[SKILL] == pytest.approx(math.log(3), abs=1e-3)
    none = [0, 1000, 1000, 6000]
    values = values_of(model_20=none, decoded_extrapolation_20=none, persistence_20=none)
    assert values[SKILL] == 0


def test_the_canary_is_compared_over_all_thresholds_at_once() -> None:
    values = values_of(model_20=[60, 30, 10, 0], model_40=[0, 0, 60, 0], canary_20=[40, 40, 0, 0])
    assert values[AGAINST_CANARY] == pytest.approx(60 / 160 - 40 / 80)


@given(st.floats(-1, 1), st.integers(10_000, 1_000_000))
def test_rain_of_another_strength_is_no_other_edge_of_the_histogram(
    steeper: float, number: int
) -> None:
    classes = number * np.exp(-steeper * np.arange(3))
    values = values_of(histogram_dbz=[0, *classes.astype(int).tolist()])
    assert values[WEAKEST] == pytest.approx(0, abs=2e-3)
    cut = values_of(histogram_dbz=[0, int(classes[0] / 3), *classes[1:].astype(int).tolist()])
    assert cut[WEAKEST] == pytest.approx(-math.log(3), abs=2e-3)


def test_a_block_begins_at_a_multiple_of_six_hours() -> None:
    assert block_begin(FIRST + timedelta(hours=5, minutes=59)) == FIRST
    assert block_begin(FIRST + timedelta(hours=6)) == FIRST + BLOCK


def test_blocks_pool_leads_and_come_back_from_json() -> None:
    counts = {"5|model|30": [1, 2, 3, 4], "10|model|30": [1, 0, 0, 0], "0|pixels|missing": [9, 1]}
    block = Block.of(FIRST, 72, 71, counts)
    assert block.counts == {"model|30": [2, 2, 3, 4], "pixels|missing": [9, 1]}
    assert Block.from_json(json.loads(json.dumps(block.to_json()))) == block
