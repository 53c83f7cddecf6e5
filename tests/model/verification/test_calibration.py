"""Probability thresholds are where CSI is best, few, and judged on events that did not choose."""

from dataclasses import replace

import numpy as np
import pytest

from echocast.model.products import ExceedanceDecision, blend_with_extrapolation
from echocast.model.verification.calibration import (
    BINS,
    ExceedanceCounts,
    choose_probability_thresholds,
    choose_weights,
    leave_one_out,
    too_rare,
    with_weights,
)
from tests.model.formats.radar_files import forecast_of, small_storm

THRESHOLDS = (20.0, 40.0)


def counts_of(rng, skill=1.0, base_rate=0.1, n=200_000):
    """Probabilities that are reliable when skill is 1, and what followed them."""
    chance = rng.beta(base_rate * 2, 2 * (1 - base_rate), n)
    exceeded = rng.random(n) < chance**skill
    classes = np.minimum((chance * BINS).astype(int), BINS - 1)
    table = np.bincount(classes * 2 + exceeded, minlength=2 * BINS).reshape(BINS, 2)
    return ExceedanceCounts(THRESHOLDS, np.stack([table, np.zeros_like(table)]))


def unrelated(counts):
    """As many yes and no, and probabilities that tell nothing of them."""
    table = counts.counts[0]
    spread = np.rint(table.sum(1, keepdims=True) * table.sum(0) / table.sum()).astype(np.int64)
    return ExceedanceCounts(THRESHOLDS, np.stack([spread, np.zeros_like(spread)]))


def test_the_best_cut_of_reliable_probabilities_is_csi_over_one_plus_csi():
    counts = counts_of(np.random.default_rng(1))
    probability = choose_probability_thresholds([counts], largest_bias=9)[0]
    best = counts.table(0, round(probability * BINS)).critical_success_index
    assert probability == pytest.approx(best / (1 + best), abs=0.04)


def test_no_other_cut_has_a_better_csi():
    counts = counts_of(np.random.default_rng(2))
    chosen = round(choose_probability_thresholds([counts], largest_bias=9)[0] * BINS)
    scores = [counts.table(0, k).critical_success_index for k in range(1, BINS)]
    assert counts.table(0, chosen).critical_success_index == max(scores)


def test_the_bias_is_bounded():
    counts = counts_of(np.random.default_rng(3), base_rate=0.02)
    probability = choose_probability_thresholds([counts], largest_bias=1.2)[0]
    assert counts.table(0, round(probability * BINS)).frequency_bias <= 1.2


def test_a_threshold_nobody_saw_takes_the_cut_below_it():
    counts = counts_of(np.random.default_rng(4))
    probabilities = choose_probability_thresholds([counts])
    assert probabilities[1] == probabilities[0]
    assert too_rare([counts, counts]) == {40.0: 0}


def test_a_threshold_is_known_where_one_event_has_pixels_enough():
    def counted(few, many):
        table = np.zeros((2, BINS, 2), np.int64)
        table[:, 3, 1] = few, many
        return ExceedanceCounts(THRESHOLDS, table)

    assert too_rare([counted(999, 5), counted(1, 1000)]) == {20.0: 999}
    assert too_rare([counted(999, 5), counted(1000, 1)]) == {40.0: 5}


def test_without_any_knowledge_the_cut_is_one_half():
    nothing = ExceedanceCounts(THRESHOLDS, np.zeros((2, BINS, 2), np.int64))
    assert choose_probability_thresholds([nothing]) == (0.5, 0.5)


def test_the_cut_that_judges_an_event_was_chosen_without_it():
    rng = np.random.default_rng(5)
    events = {"a": counts_of(rng), "b": counts_of(rng, skill=0.5), "c": counts_of(rng, skill=3)}
    without = leave_one_out(events)
    assert without["a"] == choose_probability_thresholds([events["b"], events["c"]])
    with pytest.raises(ValueError, match="at least two"):
        leave_one_out({"a": events["a"]})


def test_counts_of_a_forecast_add_up_to_its_known_pixels_and_the_observed_events():
    forecast, observed = forecast_of(small_storm(coverage_radius_km=11), probabilities=True)
    counts = ExceedanceCounts.of(forecast, observed)
    known = ~observed.missing & np.isfinite(forecast.exceedance_probability[0])
    assert (counts.counts.sum((1, 2)) == known.sum()).all()
    assert counts.observed(0) == (observed.reflectivity_dbz[known] >= 30).sum()
    double = counts + counts
    assert np.array_equal(double.counts, 2 * counts.counts)


def test_a_forecast_without_probabilities_cannot_be_counted():
    forecast, observed = forecast_of(small_storm(), probabilities=True)
    with pytest.raises(ValueError, match="needs probabilities"):
        ExceedanceCounts.of(replace(forecast, exceedance_probability=None), observed)


def test_the_weight_that_tells_most_on_events_that_did_not_choose_is_taken():
    rng = np.random.default_rng(6)
    good = {name: counts_of(rng) for name in "abc"}
    poor = {name: unrelated(counts) for name, counts in good.items()}
    nothing = np.zeros_like(good["a"].counts[:1])
    for best in (0.0, 0.06):
        tried = {weight: good if weight == best else poor for weight in (0.0, 0.06)}
        assert choose_weights(tried) == (best, best)  # nobody knows the second threshold
        chosen = with_weights(tried, (best, 0.06 - best))
        assert (chosen["b"].counts[0] == good["b"].counts[0]).all()
        assert (chosen["b"].counts[1] == nothing).all()


def test_one_event_alone_chooses_no_weight():
    rng = np.random.default_rng(7)
    tried = {w: {"a": counts_of(rng, skill=1 + 9 * w)} for w in (0.0, 0.06)}
    assert choose_weights(tried) == (0.0, 0.0)


def test_counting_for_a_decision_counts_what_is_decided_by():
    forecast, observed = forecast_of(small_storm(coverage_radius_km=11), probabilities=True)
    as_is = ExceedanceCounts.of(forecast, observed)
    weights, probabilities = (0.1,) * 3, (0.4, 0.2, 0.1)
    known = ~observed.missing & np.isfinite(forecast.exceedance_probability[0])
    for decision in (
        ExceedanceDecision(probabilities, weights),
        ExceedanceDecision(probabilities, (), 1.0),
        ExceedanceDecision(probabilities, weights, 2),
    ):
        counts = ExceedanceCounts.of(forecast, observed, decision)
        assert (as_is.counts.sum((1, 2)) == counts.counts.sum((1, 2))).all()
        assert (as_is.counts != counts.counts).any()
        leaning = blend_with_extrapolation(
            forecast.exceedance_probability,
            forecast.extrapolation.reflectivity_dbz,
            forecast.exceedance_thresholds_dbz,
            decision.extrapolation_weights,
        )
        for k, probability in enumerate(probabilities):
            at = np.array(
                [
                    decision.probability_thresholds_at(minutes)[k]
                    for minutes in forecast.lead_minutes
                ]
            )
            yes = (leaning[k] >= at[:, None, None] - 1e-4) & known
            table = counts.table(k, round(probability * BINS))
            assert table.hits + table.false_alarms == pytest.approx(yes.sum(), abs=3)
