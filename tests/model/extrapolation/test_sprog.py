"""Scale-damped extrapolation: what lasts stays, what flickers fades."""

import cv2
import numpy as np
import pytest

from echocast.model.extrapolation.sprog import PROCESSES, aperiodic, damped, moments, stationary


def field(seed, scale, side=128):
    noise = np.random.default_rng(seed).normal(size=(side, side)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), scale)
    return blurred / blurred.std()


def test_a_field_that_does_not_change_stays():
    rain = 25 + 6 * field(1, 4)
    ahead = damped(np.stack([rain] * 10), 10)
    inner = (slice(16, -16), slice(16, -16))
    assert np.abs(ahead[4] - rain)[inner].max() < 1.5


def test_noise_fades_and_what_lasts_under_it_stays():
    lasting = 30 + 6 * field(1, 8)
    frames = np.stack([lasting + 4 * field(10 + t, 0.7) for t in range(10)])
    ahead = damped(frames, 10)
    inner = (slice(20, -20), slice(20, -20))
    before = np.square(frames[-1] - lasting)[inner].mean()
    for frame in ahead:
        assert np.square(frame - lasting)[inner].mean() < 0.35 * before


def test_dry_is_dry_and_missing_is_no_rain():
    assert not damped(np.zeros((10, 40, 40), np.float32), 10).any()
    assert not damped(np.full((10, 40, 40), np.nan, np.float32), 10).any()
    rain = np.where(np.arange(60) < 20, 30, 0) * np.ones((10, 60, 1), np.float32)
    holed = rain.copy()
    holed[:, :, 50:] = np.nan
    assert np.abs(damped(rain, 3) - damped(holed, 3)).max() < 0.1


@pytest.mark.parametrize("blind", [1, 2, 3, 4])
def test_frames_that_saw_too_little_of_the_newest_view_are_left_out(blind):
    """The wide bands still feel the edge of a view, because missing counts as dry there."""
    rain = 25 + 3 * field(1, 4)
    frames = np.stack([rain] * 5)
    frames[:blind, :, :80] = np.nan  # the newest looks elsewhere than the oldest did
    frames[-1, :, 100:] = np.nan
    inner = (slice(16, -16), slice(16, 80))
    assert damped(frames, 3)[0][inner].min() > 8
    frames[:blind] = np.nan
    assert damped(frames, 3)[0][inner].min() > 8
    if blind < 3:
        assert np.array_equal(damped(frames, 3), damped(frames[blind:], 3))


def test_the_forecast_is_finite_and_never_negative():
    rng = np.random.default_rng(3)
    ahead = damped(rng.choice([0, 0, 15, 60], (10, 33, 47)).astype(np.float32), 10)
    assert ahead.shape == (10, 33, 47)
    assert np.isfinite(ahead).all()
    assert ahead.min() >= 0


def covariance(frames):
    return np.cov(np.stack(frames), ddof=0)


def series(first, second, frames, points=200_000):
    rng = np.random.default_rng(4)
    made = [rng.normal(size=points), rng.normal(size=points)]
    for _ in range(60):
        made.append(first * made[-1] + second * made[-2] + rng.normal(size=points))
    return made[-frames:]


@pytest.mark.parametrize("process", PROCESSES.values())
def test_coefficients_are_those_of_the_process(process):
    actual = process.coefficients(covariance(series(0.9, -0.2, process.most)))
    assert actual == pytest.approx((0.9, -0.2), abs=0.02)


def test_a_process_that_would_swing_is_damped_until_it_does_not():
    swinging = covariance(series(1.0, -0.8, 5))  # complex roots
    for random in (
        swinging,
        *(np.cov(np.random.default_rng(k).normal(size=(4, 9))) for k in range(50)),
    ):
        first, second = aperiodic(random)
        roots = np.roots([1, -first, -second])
        assert np.abs(np.imag(roots)).max() < 1e-3
        assert np.abs(roots).max() < 1


def test_rain_that_grows_is_not_taken_for_rain_that_is_forgotten():
    rain = np.random.default_rng(5).normal(size=5000)
    growing = covariance([rain * size for size in (1, 1.5, 2.2, 3.3, 5)])
    assert sum(aperiodic(growing)) > 0.999
    assert sum(stationary(growing[-3:, -3:])) < 0.9


def test_frames_without_rain_say_nothing_about_the_process():
    rain = series(0.9, -0.2, 3)
    dry = [np.zeros_like(rain[0])] * 2
    assert aperiodic(covariance([*dry, *rain])) == aperiodic(covariance(rain))
    assert aperiodic(covariance([*dry, rain[-1]])) == (1.0, 0.0)
    assert aperiodic(np.zeros((5, 5))) == (1.0, 0.0)
    first, second = aperiodic(covariance(rain[-2:]))
    assert second == pytest.approx(0)
    assert 0.6 < first < 0.9


def test_moments_are_those_of_what_was_seen():
    rng = np.random.default_rng(6)
    band, valid = rng.normal(3, 2, (5, 600, 7)).astype(np.float32), rng.random((600, 7)) < 0.7
    means, actual = moments(band, valid)
    values = band[:, valid].astype(np.float64)
    assert means == pytest.approx(values.mean(1))
    assert actual == pytest.approx(np.cov(values, ddof=0))


def test_a_stationary_process_is_made_so():
    point = np.array([1.0, -1.0, 2.0, -2.0])
    for frames in ([point, -point, point], [point, 0 * point, -point], [point, point, point]):
        first, second = stationary(covariance(frames))
        assert abs(second) < 1
        assert second + abs(first) < 1
    assert stationary(np.zeros((3, 3))) == (1.0, 0.0)
