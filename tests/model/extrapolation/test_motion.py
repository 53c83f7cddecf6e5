"""The motion is found, rain is carried along it, and missing stays missing."""

import cv2
import numpy as np
import pytest

from echocast.model.extrapolation.motion import (
    Motion,
    carry,
    estimate_motion,
    extrapolate,
    still,
    trajectories,
)


def blob(height=96, width=112, y=40.0, x=40.0, sigma=9.0, peak=45.0):
    rows, columns = np.indices((height, width))
    distance = (rows - y) ** 2 + (columns - x) ** 2
    return (peak * np.exp(-distance / (2 * sigma**2))).astype(np.float32)


def textured(rng, height=96, width=112):
    noise = cv2.GaussianBlur(rng.normal(size=(height, width)).astype(np.float32), (0, 0), 4)
    return np.clip(25 + 120 * noise, 0, 55).astype(np.float32)


def test_a_drifting_field_gives_its_drift():
    base = textured(np.random.default_rng(5))
    frames = np.stack([np.roll(base, (2 * t, 3 * t), (0, 1)) for t in range(4)])
    motion = estimate_motion(frames)
    inner = (slice(24, -24), slice(24, -24))
    assert np.median(motion.u[inner]) == pytest.approx(3, abs=0.3)
    assert np.median(motion.v[inner]) == pytest.approx(2, abs=0.3)


def grainy_drift():
    random = np.random.default_rng(6)
    base = cv2.resize(textured(random), (443, 383), interpolation=cv2.INTER_CUBIC)
    frames = np.stack([np.roll(base, (6 * t, 20 * t), (0, 1)) for t in range(4)])
    return frames + random.normal(0, 8, frames.shape).astype(np.float32)


def test_fine_pixels_are_averaged_before_the_motion_is_sought():
    frames, inner = grainy_drift(), (slice(60, -60), slice(100, -100))
    as_it_is, averaged = (estimate_motion(frames, pixel_km) for pixel_km in (None, 0.5))
    missed = [np.abs(motion.u[inner] - 20).mean() for motion in (as_it_is, averaged)]
    assert missed[1] < missed[0] / 2
    assert np.median(averaged.v[inner]) == pytest.approx(6, abs=0.5)


def test_averaging_keeps_missing_apart_from_dry():
    frames = grainy_drift()
    frames[:, :30, :30] = np.nan
    motion = estimate_motion(frames, pixel_km=0.25)
    assert motion.u.shape == (383, 443)
    assert np.median(motion.u[:30, 100:200]) == pytest.approx(20, abs=1)


def test_averaging_leaves_a_small_grid_large_enough():
    base = textured(np.random.default_rng(5), 50, 60)
    frames = np.stack([np.roll(base, 2 * t, 1) for t in range(4)])
    motion = estimate_motion(frames, pixel_km=0.1)
    assert np.median(motion.u[15:-15, 15:-15]) == pytest.approx(2, abs=0.5)


def test_a_still_storm_stays_and_is_its_own_extrapolation():
    frames = np.stack([blob()] * 4)
    forecast = extrapolate(frames[-1], estimate_motion(frames), 3)
    np.testing.assert_allclose(forecast, frames[:3], atol=0.1)


def test_no_rain_has_no_motion():
    motion = estimate_motion(np.zeros((4, 64, 64), np.float32))
    assert not motion.u.any()
    assert not motion.v.any()


def test_a_tiny_grid_has_no_motion_instead_of_an_error():
    motion = estimate_motion(np.random.default_rng(1).uniform(0, 50, (4, 16, 16)))
    assert not motion.u.any()


def test_extrapolation_in_a_uniform_flow_is_a_shift():
    field = blob()
    flow = Motion(np.full_like(field, 4.0), np.full_like(field, -2.0))
    third = extrapolate(field, flow, 3)[2]
    np.testing.assert_allclose(third[:-6, 12:], field[6:, :-12], atol=1e-4)


def test_where_rain_comes_from_beyond_the_view_nobody_knows():
    field = blob()
    flow = Motion(np.full_like(field, 4.0), np.zeros_like(field))
    forecast = extrapolate(field, flow, 2)
    assert np.isnan(forecast[0][:, :4]).all()
    assert np.isnan(forecast[1][:, :8]).all()
    assert np.isfinite(forecast[1][:, 8:]).all()


def test_missing_pixels_move_with_the_rain_and_never_turn_dry():
    field = blob()
    field[30:40, 30:40] = np.nan
    flow = Motion(np.full_like(field, 5.0), np.zeros_like(field))
    moved = extrapolate(field, flow, 1)[0]
    assert np.isnan(moved[30:40, 35:45]).all()
    assert np.isfinite(moved[30:40, 30:34]).all()


def test_forward_and_backward_trajectories_undo_each_other():
    rows, columns = np.indices((80, 80), dtype=np.float32)
    vortex = Motion((-(rows - 40) * 0.05), ((columns - 40) * 0.05))
    back, ahead = trajectories(vortex), trajectories(vortex, forward=True)
    for _ in range(4):
        there, again = next(ahead), next(back)
    round_trip = carry(again.x, there)
    inner = (slice(20, 60), slice(20, 60))
    np.testing.assert_allclose(round_trip[inner], columns[inner], atol=0.05)


def test_persistence_is_extrapolation_without_motion():
    field = blob()
    assert np.array_equal(extrapolate(field, still(*field.shape), 1)[0], field)


@pytest.mark.parametrize("gap", [-2, -3])
def test_a_view_that_comes_and_goes_is_no_motion(gap):
    base = textured(np.random.default_rng(5), 160, 200)
    frames = np.stack([np.roll(base, (2 * t, 3 * t), (0, 1)) for t in range(4)])
    frames[gap, :, 100:] = np.nan
    motion = estimate_motion(frames)
    inner = (slice(30, -30), slice(30, -30))
    assert np.abs(motion.u[inner] - 3).max() < 0.7
    assert np.abs(motion.v[inner] - 2).max() < 0.7
