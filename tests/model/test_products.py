"""The products keep their promises."""

import numpy as np
import pytest

from model.errors import ModelError
from model.products import Decision, csi_optimal, leaning_on_extrapolation, sharp

THRESHOLDS = (20.0, 30.0, 40.0)
CUTS = (0.5, 0.3, 0.2)


def decide(expected, *probabilities):
    chances = np.array(probabilities, np.float32)[:, None]
    return float(csi_optimal(np.array([expected], np.float32), chances, THRESHOLDS, CUTS)[0])


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
    decided = csi_optimal(expected, chances, THRESHOLDS, CUTS)
    yes = np.ones(expected.shape, bool)
    for threshold, cut, chance in zip(THRESHOLDS, CUTS, chances, strict=True):
        yes &= chance >= cut
        assert np.array_equal(decided >= threshold, yes)


def test_missing_stays_missing_in_every_product():
    field = np.array([[np.nan, 30.0], [20.0, 10.0]], np.float32)
    chances = np.full((3, 2, 2), 0.9, np.float32)
    assert np.isnan(csi_optimal(field, chances, THRESHOLDS, CUTS)[0, 0])
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
    moved = leaning_on_extrapolation(chances, extrapolation, THRESHOLDS, (0.0, 0.1, 0.05))
    assert (moved[0] == chances[0]).all()
    odds = moved[1:] / (1 - moved[1:])
    excess = np.array([[-8, 0, np.nan, 15], [-15, -10, np.nan, 15]])
    expected = 0.25 * np.exp(np.array([[0.1], [0.05]]) * excess)
    np.testing.assert_allclose(odds, expected, rtol=1e-5)


def test_without_weights_probabilities_are_decided_by_as_they_are():
    chances = np.random.default_rng(1).random((3, 5, 6)).astype(np.float32)
    field = np.full((5, 6), 50, np.float32)
    for weights in ((), (0.0, 0.0, 0.0)):
        assert leaning_on_extrapolation(chances, field, THRESHOLDS, weights) is chances


@pytest.mark.parametrize(
    ("cuts", "weights", "message"),
    [
        ((0.5, 1.2), (), "Cuts are probabilities"),
        ((0.5, 0.2), (0.1,), "as many weights"),
        ((0.5, 0.2), (0.1, -0.1), "Weights of extrapolation are 0 to 1"),
        ((0.5, float("nan")), (), "Cuts are probabilities"),
    ],
)
def test_a_decision_that_cannot_be_is_refused(cuts, weights, message):
    with pytest.raises(ModelError, match=message):
        Decision(cuts, weights)
