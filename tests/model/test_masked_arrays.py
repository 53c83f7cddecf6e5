"""What is masked (``numpy.ma``) is missing in every call that takes arrays, as NaN is."""

from datetime import timedelta

import numpy as np
import pytest

from echocast.model.extrapolation.motion import estimate_motion, extrapolate
from echocast.model.extrapolation.sprog import damped
from echocast.model.frames import EPOCH, Frames, unmasked
from echocast.model.grid import Grid
from echocast.model.library.plain_arrays import predict
from echocast.model.plotting.colours import painted
from echocast.model.products import sharp
from echocast.model.rain_amounts import expected_rain_rate
from echocast.model.reflectivity import ZR
from echocast.model.synthetic.storms import storm
from echocast.model.verification.contingency import ContingencyTable
from echocast.model.verification.counts import events
from echocast.model.verification.frame_statistics import describe
from echocast.model.verification.start_counts import StartCounts
from echocast.model.verification.storms import storms

RAIN = np.nan_to_num(storm(3, frames=10, height=48, width=40).reflectivity_dbz)
CLUTTER = np.zeros(RAIN.shape, bool)
CLUTTER[:, 20:26, 16:22] = True
NAN = np.where(CLUTTER, np.float32(np.nan), RAIN)


def masked(beneath):
    """Frames as a gate filter leaves them: any value beneath the mask."""
    return np.ma.masked_array(np.where(CLUTTER, np.float32(beneath), RAIN), mask=CLUTTER)


BENEATH = [65.0, -32.0, 0.0, -9999.0, 9.96921e36, np.inf, np.nan]


@pytest.mark.parametrize("beneath", BENEATH)
def test_unmasked_hides_what_lies_beneath(beneath):
    np.testing.assert_array_equal(unmasked(masked(beneath)), NAN)


def test_unmasked_takes_what_holds_masked_arrays():
    np.testing.assert_array_equal(unmasked(list(masked(65))), NAN)
    np.testing.assert_array_equal(unmasked(masked(65).astype("f8")), NAN)
    counts = np.ma.masked_array(np.full((2, 3), 7, "i2"), mask=[[0, 0, 1]] * 2)
    np.testing.assert_array_equal(unmasked(counts), [[7, 7, np.nan]] * 2)
    assert unmasked(np.ma.masked).dtype == np.float32
    assert np.isnan(unmasked(np.ma.masked))


def test_plain_arrays_are_not_copied():
    assert np.shares_memory(unmasked(RAIN), RAIN)


@pytest.mark.parametrize("beneath", [65.0, 9.96921e36])
@pytest.mark.parametrize("product", ["csi_optimal", "expected", "sharp"])
def test_predict_forecasts_the_same_from_masked_as_from_missing(beneath, product):
    right = predict(NAN, step_minutes=5, product=product)
    assert np.isfinite(right).all()
    np.testing.assert_array_equal(predict(masked(beneath), step_minutes=5, product=product), right)
    parts = list(masked(beneath))
    np.testing.assert_array_equal(predict(parts, step_minutes=5, product=product), right)


def test_predict_is_finite_where_a_large_part_was_never_observed():
    frames = RAIN.copy()
    frames[:, :, :18] = np.nan
    for product in ("csi_optimal", "expected", "sharp"):
        assert np.isfinite(predict(frames, step_minutes=5, product=product)).all()


@pytest.mark.parametrize("beneath", BENEATH)
def test_frames_are_missing_where_an_array_is_masked(beneath):
    times = tuple(EPOCH + k * timedelta(minutes=5) for k in range(10))
    grid = Grid.of_squares(48, 40, 1.0)
    whole = Frames(masked(beneath), times, grid)
    for frames in (
        whole,
        Frames.of_array(masked(beneath), step_minutes=5, km_per_pixel=1),
        Frames.trusted(masked(beneath), times, grid, 0.0, {}, {}),
        whole.with_values(masked(beneath), times),
        whole.derived(masked(beneath), times),
    ):
        np.testing.assert_array_equal(frames.missing, CLUTTER)
        assert not np.ma.isMaskedArray(frames.reflectivity_dbz)


def test_relations_of_reflectivity_and_rain_keep_what_is_missing():
    rates = ZR().rain_rate_mm_h(masked(65))
    np.testing.assert_array_equal(rates, ZR().rain_rate_mm_h(NAN))
    hidden = np.ma.masked_array(np.where(CLUTTER, 9999, rates), mask=CLUTTER)
    np.testing.assert_array_equal(ZR().reflectivity_dbz(hidden), ZR().reflectivity_dbz(rates))


def test_counts_of_events_leave_out_what_is_masked():
    for mine, right in zip(events(masked(65), (20, 60)), events(NAN, (20, 60)), strict=True):
        np.testing.assert_array_equal(mine, right)
    forecast, observed = masked(65) >= 20, NAN >= 20
    right = ContingencyTable.of_events(RAIN >= 20, observed, ~CLUTTER)
    assert right.total == (~CLUTTER).sum()
    assert ContingencyTable.of_events(forecast, observed) == right
    assert ContingencyTable.of_events(observed, forecast, np.ones(RAIN.shape, bool)) == right
    valid = np.ma.masked_array(np.ones(RAIN.shape, bool), mask=CLUTTER)
    assert ContingencyTable.of_events(RAIN >= 20, observed, valid) == right


def test_scores_and_statistics_of_masked_frames_are_those_of_missing_pixels():
    mine = StartCounts.of([masked(65)[:4]], masked(9999)[4:8], 1.0)
    right = StartCounts.of([NAN[:4]], NAN[4:8], 1.0)
    np.testing.assert_array_equal(mine.counts, right.counts)
    np.testing.assert_array_equal(mine.squares, right.squares)
    assert describe(masked(65)[0]) == describe(NAN[0])
    assert storms(masked(65)[0], 1.0) == storms(NAN[0], 1.0)


def test_motion_and_extrapolation_do_not_see_what_is_masked():
    mine, right = estimate_motion(masked(65)), estimate_motion(NAN)
    np.testing.assert_array_equal(np.stack(mine), np.stack(right))
    np.testing.assert_array_equal(
        extrapolate(masked(65)[-1], right, 3), extrapolate(NAN[-1], right, 3)
    )
    np.testing.assert_array_equal(damped(masked(65), 3), damped(NAN, 3))


def test_products_and_pictures_do_not_see_what_is_masked():
    np.testing.assert_array_equal(sharp(masked(65)[0], masked(65)[1]), sharp(NAN[0], NAN[1]))
    np.testing.assert_array_equal(painted(masked(65)[0]), painted(NAN[0]))
    chances = np.ma.masked_array(np.full((1, 48, 40), 0.5, "f4"), mask=CLUTTER[:1])
    rate = expected_rain_rate(masked(65)[0], chances, [20.0], ZR())
    np.testing.assert_array_equal(np.isnan(rate), CLUTTER[0])
