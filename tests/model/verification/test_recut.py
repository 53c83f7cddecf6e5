"""Forecasts that say yes elsewhere, and probabilities: laws, and ``scores`` as judge."""

import numpy as np
import pytest
import xarray as xr
from scores.probability import brier_score

from echocast.model.errors import ContractViolation
from echocast.model.verification.counts import PYSTEPS_SPROG, THRESHOLDS_DBZ
from echocast.model.verification.event_scores import EventScores, joined
from echocast.model.verification.probability_scores import reliability_slope, roc, roc_area
from echocast.model.verification.recut import at_equal_bias, chosen_by_others, summed
from echocast.model.verification.start_counts import StartCounts

METHODS = ("model", PYSTEPS_SPROG)


def event(name, seed, *, too_low=0.0, leads=2, starts=2):
    """Rain, a model whose probabilities are honest, and a field that is too low by some dB."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(starts):
        mean = random.uniform(0, 50, (leads, 60, 60)).astype(np.float32)
        rain = mean + random.normal(0, 6, mean.shape).astype(np.float32)
        rain[random.random(rain.shape) < 0.05] = np.nan
        spread = mean + random.normal(0, 6, (400, *mean.shape)).astype(np.float32)
        chance = np.stack([(spread >= dbz).mean(0) for dbz in THRESHOLDS_DBZ]).astype(np.float32)
        made.append(StartCounts.of([mean, mean - too_low], rain, 1.0, [chance]))
    minutes = tuple(30.0 * k for k in range(starts))
    lead_minutes = tuple(5.0 * (k + 1) for k in range(leads))
    return EventScores(name, METHODS, lead_minutes, minutes, tuple(made), ("model",))


@pytest.fixture(scope="module")
def honest():
    return event("a", 1)


@pytest.mark.parametrize("threshold", THRESHOLDS_DBZ)
def test_a_field_cut_at_its_threshold_is_the_field(honest, threshold):
    t = THRESHOLDS_DBZ.index(threshold)
    assert honest.cuts("model").table(t, 25) == honest.table("model", threshold)


def test_what_is_too_low_by_four_db_is_cut_four_db_lower_and_then_as_good():
    low = event("low", 2, too_low=4.0)
    for threshold in (20.0, 30.0, 40.0):
        recut = at_equal_bias(low, PYSTEPS_SPROG)[threshold]
        assert recut.at == pytest.approx(threshold - 4, abs=1)
        assert recut.table.frequency_bias == pytest.approx(1, abs=0.05)
        better = recut.table.critical_success_index
        assert better > low.table(PYSTEPS_SPROG, threshold).critical_success_index


def test_without_events_there_is_no_equal_bias(honest):
    dry = np.zeros((2, 20, 20), np.float32)
    scores = EventScores("dry", METHODS, (5.0, 10.0), (0.0,), (StartCounts.of([dry, dry], dry, 1),))
    assert set(at_equal_bias(scores, "model").values()) == {None}


def test_cuts_are_chosen_on_the_other_events_never_on_the_one_that_is_judged():
    low = [event(name, seed, too_low=4.0) for seed, name in enumerate("ab")]
    right = event("c", 9)
    cuts = {
        name: recuts[1].at for name, recuts in chosen_by_others([*low, right], METHODS[1]).items()
    }
    assert cuts["c"] == pytest.approx(26, abs=1.5)  # both others are too low
    assert cuts["a"] > cuts["c"]  # of its others one is right
    alone = chosen_by_others([right], METHODS[1])
    assert alone == {}


def test_tables_of_events_cut_by_others_add():
    recuts = chosen_by_others([event("a", 1), event("b", 2)], METHODS[1])
    total = summed(recuts)[0]
    assert total.total == sum(one[0].table.total for one in recuts.values())


def test_the_brier_score_is_that_of_the_scores_package():
    random = np.random.default_rng(4)
    rain = random.uniform(0, 60, (1, 30, 30)).astype(np.float32)
    chance = random.random((len(THRESHOLDS_DBZ), 1, 30, 30)).astype(np.float32)
    counted = StartCounts.of([rain], rain, 1.0, [chance])
    scores = EventScores("e", ("model",), (5.0,), (0.0,), (counted,), ("model",))
    for t, threshold in enumerate(THRESHOLDS_DBZ):
        happened = xr.DataArray((rain[0] >= threshold).astype(float))
        theirs = float(brier_score(xr.DataArray(chance[t, 0].astype(float)), happened))
        assert scores.brier_score("model", threshold) == pytest.approx(theirs, abs=1e-9)
    parts = [scores.brier_score("model", threshold) for threshold in THRESHOLDS_DBZ]
    assert scores.crps("model") == pytest.approx(
        sum(
            (a + b) / 2 * gap for a, b, gap in zip(parts, parts[1:], (10, 5, 5, 5, 5), strict=False)
        )
    )


def test_a_forecast_of_yes_or_no_is_scored_as_a_sure_one(honest):
    table = honest.table(PYSTEPS_SPROG, 30.0)
    wrong = (table.misses + table.false_alarms) / table.total
    assert honest.brier_score(PYSTEPS_SPROG, 30.0) == wrong
    assert honest.brier_score("model", 30.0) < wrong
    assert honest.crps("model") < honest.crps(PYSTEPS_SPROG)


def test_honest_probabilities_have_a_slope_of_one_and_bold_ones_less():
    counts = event("h", 3, starts=6).probabilities("model")
    assert reliability_slope(counts, 1) == pytest.approx(1, abs=0.03)
    bold = event("b", 3).probabilities("model")
    bold.counts[1] = 0
    bold.counts[1, 2] = 700, 300  # said 5 %, came 30 %
    bold.counts[1, 47] = 300, 700  # said 95 %, came 70 %
    assert reliability_slope(bold, 1) == pytest.approx(0.4 / 0.9)


def test_the_roc_runs_from_always_to_never_and_encloses_more_than_chance(honest):
    rate, detected = roc(honest.probabilities("model"), 1)
    assert (rate[0], detected[0], rate[-1], detected[-1]) == (1, 1, 0, 0)
    assert 0.9 < roc_area(honest.probabilities("model"), 1) < 1


def test_events_join_by_lead_where_leads_agree_else_all_together(honest):
    other, longer = event("b", 2), event("c", 3, leads=3)
    whole = joined("all", [honest, other])
    assert whole.lead_minutes == (5.0, 10.0)
    assert whole.table("model", 30.0, 1) == sum(
        (one.table("model", 30.0, 1) for one in (other,)), start=honest.table("model", 30.0, 1)
    )
    mixed = joined("all", [honest, longer])
    assert len(mixed.lead_minutes) == 1
    assert mixed.pixels == honest.pixels + longer.pixels
    squares = sum(one.summed("squares")[0].sum() for one in (honest, longer))
    assert mixed.mean_squared_error("model") == pytest.approx(squares / mixed.pixels)


def test_events_of_other_methods_do_not_join(honest):
    odd = EventScores("odd", ("model",), honest.lead_minutes, (0.0,), honest.starts[:1])
    with pytest.raises(ContractViolation, match="odd"):
        joined("all", [honest, odd])
