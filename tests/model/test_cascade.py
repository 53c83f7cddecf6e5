"""Scale-damped extrapolation: what lasts stays, what flickers fades."""

import cv2
import numpy as np
import pytest

from model.cascade import coefficients, damped


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


def test_the_forecast_is_finite_and_never_negative():
    rng = np.random.default_rng(3)
    ahead = damped(rng.choice([0, 0, 15, 60], (10, 33, 47)).astype(np.float32), 10)
    assert ahead.shape == (10, 33, 47)
    assert np.isfinite(ahead).all()
    assert ahead.min() >= 0


def test_coefficients_are_those_of_the_process():
    rng = np.random.default_rng(4)
    first, second = 0.9, -0.2
    series = [rng.normal(size=200_000), rng.normal(size=200_000)]
    for _ in range(60):
        series.append(first * series[-1] + second * series[-2] + rng.normal(size=200_000))
    assert coefficients(np.stack(series[-3:])) == pytest.approx((first, second), abs=0.02)


def test_a_process_that_is_not_stationary_is_made_so():
    point = np.array([1.0, -1.0, 2.0, -2.0])
    for frames in ([point, -point, point], [point, 0 * point, -point], [point, point, point]):
        first, second = coefficients(np.stack(frames))
        assert abs(second) < 1
        assert second + abs(first) < 1
    assert coefficients(np.zeros((3, 4))) == (1.0, 0.0)
