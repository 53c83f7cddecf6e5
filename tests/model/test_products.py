"""The products keep their promises."""

import json

import numpy as np
import pytest

from echocast.model.errors import ModelError
from echocast.model.products import (
    ExceedanceDecision,
    blend_with_extrapolation,
    csi_optimal,
    sharp,
    sharp_as_written,
)

THRESHOLDS = (20.0, 30.0, 40.0)
PROBABILITIES = (0.5, 0.3, 0.2)


def decide(expected, *probabilities):
    chances = np.array(probabilities, np.float32)[:, None]
    return float(
        csi_optimal(np.array([expected], np.float32), chances, THRESHOLDS, PROBABILITIES)[0]
    )


def test_a_probability_at_the_cut_raises_the_pixel_into_the_band():
    assert 30 <= decide(26.0, 0.9, 0.3, 0.1) < 31


def test_one_below_it_lowers_the_pixel_out_of_the_band():
    assert 29 < decide(33.0, 0.9, 0.29, 0.1) < 30


def test_a_pixel_already_in_its_band_is_kept():
    assert decide(34.0, 0.9, 0.8, 0.1) == 34
    assert decide(12.0, 0.1, 0.0, 0.0) == 12


def test_a_yes_above_a_no_does_not_count():
    assert decide(25.0, 0.9, 0.1, 0.9) == 25


def test_every_decision_equals_the_nested_cut_on_random_fields():
    rng = np.random.default_rng(3)
    expected = rng.uniform(0, 60, (50, 60)).astype(np.float32)
    chances = rng.uniform(0, 1, (3, 50, 60)).astype(np.float32)
    decided = csi_optimal(expected, chances, THRESHOLDS, PROBABILITIES)
    yes = np.ones(expected.shape, bool)
    for threshold, probability, chance in zip(THRESHOLDS, PROBABILITIES, chances, strict=True):
        yes &= chance >= probability
        assert np.array_equal(decided >= threshold, yes)


def test_missing_stays_missing_in_every_product():
    field = np.array([[np.nan, 30.0], [20.0, 10.0]], np.float32)
    chances = np.full((3, 2, 2), 0.9, np.float32)
    assert np.isnan(csi_optimal(field, chances, THRESHOLDS, PROBABILITIES)[0, 0])
    assert np.isnan(sharp(field, np.full((2, 2), 5, np.float32))[0, 0])


def test_sharp_has_the_histogram_of_the_newest_frame_and_the_order_of_the_forecast():
    rng = np.random.default_rng(4)
    blurred = rng.uniform(10, 20, (20, 20)).astype(np.float32)
    newest = rng.uniform(0, 55, (20, 20)).astype(np.float32)
    sharpened = sharp(blurred, newest)
    np.testing.assert_array_equal(np.sort(sharpened.ravel()), np.sort(newest.ravel()))
    assert np.array_equal(np.argsort(sharpened.ravel()), np.argsort(blurred.ravel()))


def test_sharp_of_a_frame_without_observations_is_the_forecast():
    blurred = np.full((3, 3), 12, np.float32)
    assert np.array_equal(sharp(blurred, np.full((3, 3), np.nan, np.float32)), blurred)


def test_log_odds_grow_by_the_weight_for_each_dB_that_extrapolation_is_above():
    chances = np.full((3, 4), 0.2, np.float32)
    extrapolation = np.array([22.0, 30.0, np.nan, 80.0], np.float32)
    moved = blend_with_extrapolation(chances, extrapolation, THRESHOLDS, (0.0, 0.1, 0.05))
    assert (moved[0] == chances[0]).all()
    odds = moved[1:] / (1 - moved[1:])
    excess = np.array([[-8, 0, np.nan, 15], [-15, -10, np.nan, 15]])
    expected = 0.25 * np.exp(np.array([[0.1], [0.05]]) * excess)
    np.testing.assert_allclose(odds, expected, rtol=1e-5)


def test_without_weights_probabilities_are_decided_by_as_they_are():
    chances = np.random.default_rng(1).random((3, 5, 6)).astype(np.float32)
    field = np.full((5, 6), 50, np.float32)
    for weights in ((), (0.0, 0.0, 0.0)):
        assert blend_with_extrapolation(chances, field, THRESHOLDS, weights) is chances


@pytest.mark.parametrize(
    ("thresholds", "weights", "early_factor", "message"),
    [
        ((0.5, 1.2), (), 0, "thresholds lie within 0 and 1"),
        ((0.5, 0.2), (0.1,), 0, "one weight of extrapolation per"),
        ((0.5, 0.2), (0.1, -0.1), 0, "Weights of extrapolation are 0 to 1"),
        ((0.5, float("nan")), (), 0, "thresholds lie within 0 and 1"),
        ((0.5,), (), -1, "early factor is 0 to 9"),
    ],
)
def test_a_decision_that_cannot_be_is_refused(thresholds, weights, early_factor, message):
    with pytest.raises(ModelError, match=message):
        ExceedanceDecision(thresholds, weights, early_factor)


def test_sharp_in_a_forecast_is_sharp_where_it_rains_and_dry_where_it_does_not():
    rng = np.random.default_rng(5)
    expected = (1 + rng.permutation(4000)).reshape(50, 80).astype(np.float32) / 100
    newest = np.round(rng.uniform(-20, 55, (50, 80)), 2).astype(np.float32)
    expected[:10] = newest[:10] = np.nan
    assert np.array_equal(
        sharp_as_written(expected, newest, -32), sharp(expected, newest), equal_nan=True
    )
    expected[20:40] = -32
    sharpened = sharp_as_written(expected, newest, -32)
    wet = expected > -32
    assert (sharpened[20:40] == -32).all()
    assert np.isnan(sharpened[:10]).all()
    assert np.array_equal(np.sort(sharpened[wet]), np.sort(newest[10:].ravel())[-wet.sum() :])
    assert (np.diff(sharpened[wet][np.argsort(expected[wet])]) >= 0).all()


def test_cuts_are_twice_as_high_at_once_and_come_down_by_half_every_ten_minutes():
    decision = ExceedanceDecision((0.4, 0.1), (), 1.0)
    np.testing.assert_allclose(decision.probability_thresholds_at(0), (0.8, 0.2))
    np.testing.assert_allclose(decision.probability_thresholds_at(10), (0.6, 0.15))
    np.testing.assert_allclose(decision.probability_thresholds_at(600), (0.4, 0.1))
    assert ExceedanceDecision((0.4, 0.1)).probability_thresholds_at(5) == (0.4, 0.1)


def test_a_decision_goes_into_a_manifest_and_back():
    decision = ExceedanceDecision((0.4, 0.1), (0.0, 0.12), 1.0)
    assert (
        ExceedanceDecision.of_manifest(json.loads(json.dumps(decision.to_manifest()))) == decision
    )
    assert ExceedanceDecision.of_manifest({"cuts": [0.3]}) == ExceedanceDecision((0.3,))
    assert ExceedanceDecision.of_manifest({}) == ExceedanceDecision()
