"""``predict``: plain arrays in and out, for other people's evaluation scripts."""

import numpy as np
import pytest

from echocast.model.errors import ContractViolation
from echocast.model.library.plain_arrays import ImplausibleInput, predict
from echocast.model.synthetic.storms import storm
from tests.model.smooth_rain import STEP, rain

STORM = np.clip(np.nan_to_num(storm(5, height=72, width=90).reflectivity_dbz), 0, None)


@pytest.mark.parametrize("product", ["expected", "csi_optimal", "sharp"])
def test_every_product_is_finite_and_shaped_like_its_input(product):
    answer = predict(STORM[:10], step_minutes=6.0, product=product)
    assert answer.shape == (10, 72, 90)
    assert answer.dtype == np.float32
    assert np.isfinite(answer).all()
    assert answer.min() >= 0
    assert answer.max() < 75


def test_it_beats_persistence_on_a_storm_that_moves():
    truth = STORM[10:20]
    error = ((predict(STORM[:10], step_minutes=6.0, product="expected") - truth) ** 2).mean()
    assert error < ((STORM[9] - truth) ** 2).mean()


def test_the_same_frames_give_the_same_answer_whatever_came_between():
    first = predict(STORM[:10], step_minutes=6.0)
    predict(STORM[5:15, :64, :64], step_minutes=5.0, km_per_pixel=2.0)
    assert np.array_equal(first, predict(STORM[:10], step_minutes=6.0))


def test_dry_stays_dry():
    assert not predict(np.zeros((10, 64, 64), np.float32), step_minutes=5.0).any()


def test_sharp_has_the_intensities_of_the_newest_frame():
    answer = predict(STORM[:10], step_minutes=6.0, product="sharp")
    expected = predict(STORM[:10], step_minutes=6.0, product="expected")
    assert answer[-1].max() > expected[-1].max()


@pytest.mark.parametrize(
    ("frames", "options", "rule"),
    [
        (STORM[:9], {}, "frame-count"),
        (STORM[0], {}, "shape"),
        (STORM[:10], {"step_minutes": 0}, "step"),
        (STORM[:10] * 10, {}, "range"),
    ],
)
def test_what_is_refused(frames, options, rule):
    with pytest.raises(ContractViolation) as refusal:
        predict(frames, **{"step_minutes": 6.0, **options})
    assert refusal.value.rule == rule


def test_an_unknown_product_is_refused():
    with pytest.raises(ValueError, match="csi_optimal"):
        predict(STORM[:10], step_minutes=6.0, product="best")


FAULTS = {
    "emptied": lambda images: images[-1].fill(0),
    "half emptied": lambda images: images[-1][:64].fill(0),
    "10 dB stronger": lambda images: np.add(images[-1], 10, out=images[-1], where=images[-1] > 0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_newest_image_is_replaced_by_what_the_frames_before_show(fault):
    images = rain()
    right = predict(images, step_minutes=STEP)
    FAULTS[fault](images)
    with pytest.warns(ImplausibleInput, match="counts as missing"):
        answer = predict(images, step_minutes=STEP)
    assert np.isfinite(answer).all()
    for lead in (0, 4, 9):
        area, true_area = ((field[lead] >= 20).mean() for field in (answer, right))
        assert 0.5 * true_area < area < 1.5 * true_area
        assert (answer[lead] > 5).mean() < 1 / 3


def test_one_image_repeated_gives_a_forecast_and_a_warning():
    with pytest.warns(ImplausibleInput, match="repeats"):
        answer = predict(np.repeat(rain()[:1], 10, 0), step_minutes=STEP)
    assert answer[0].max() > 30


def test_rain_that_left_a_small_domain_does_not_come_back():
    images = rain()[:, 36:84, 20:84]
    images[-1] = 0
    with pytest.warns(ImplausibleInput, match="The forecast is dry"):
        assert not predict(images, step_minutes=10).any()


def test_without_filling_nan_is_where_no_forecast_is_possible():
    filled, bare = (predict(STORM[:10], step_minutes=6.0, fill=fill) for fill in (True, False))
    unknown = np.isnan(bare)
    assert unknown.any()
    np.testing.assert_array_equal(filled[~unknown], bare[~unknown])
    assert np.isfinite(filled).all()


def test_probabilities_come_with_the_forecast_and_say_where_it_is_unknown():
    answer = predict(STORM[:10], step_minutes=6.0, probabilities=True, leads=4)
    assert answer.reflectivity_dbz.shape == (4, 72, 90)
    assert answer.exceedance_probability.shape == (len(answer.thresholds_dbz), 4, 72, 90)
    bare = predict(STORM[:10], step_minutes=6.0, leads=4, fill=False)
    for probability in answer.exceedance_probability:
        np.testing.assert_array_equal(np.isnan(probability), np.isnan(bare))


def test_fewer_leads_are_the_first_ones():
    some = predict(STORM[:10], step_minutes=6.0, leads=3)
    np.testing.assert_array_equal(some, predict(STORM[:10], step_minutes=6.0)[:3])


def test_more_leads_than_the_networks_follow_it():
    more = predict(STORM[:10], step_minutes=6.0, leads=20)
    assert more.shape == (20, 72, 90)
    np.testing.assert_array_equal(more[:10], predict(STORM[:10], step_minutes=6.0))


@pytest.mark.parametrize(
    ("leads", "sentence"), [(0, "1 to 24"), (25, "1 to 24"), (21, "reach 126")]
)
def test_more_or_no_leads_are_refused(leads, sentence):
    with pytest.raises(ContractViolation, match=sentence):
        predict(STORM[:10], step_minutes=6.0, leads=leads)
