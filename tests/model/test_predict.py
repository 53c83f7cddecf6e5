"""``predict``: plain arrays in and out, for other people's evaluation scripts."""

import numpy as np
import pytest

from echocast.model.errors import ContractViolation
from echocast.model.nowcaster import predict
from echocast.model.synthetic.storms import storm

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
