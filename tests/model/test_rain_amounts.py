"""Rain amounts from probabilities, against distributions whose mean rain rate is known."""

import numpy as np
import pytest

from echocast.model.rain_amounts import expected_amounts, expected_rain_rate
from echocast.model.reflectivity import ZR
from tests.model.formats.radar_files import forecast_of, small_storm

THRESHOLDS = (20.0, 30.0, 35.0, 40.0, 45.0, 50.0)
ZR_DEFAULT = ZR()


def with_probabilities(dbz):
    """What a perfect forecast says of one pixel whose reflectivity is one of ``dbz``."""
    chances = np.array([[(dbz >= threshold).mean()] for threshold in THRESHOLDS])
    return np.array([np.clip(dbz, 0, None).mean()], np.float32), chances


@pytest.mark.parametrize("dry", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("mean", [30, 35, 40])
@pytest.mark.parametrize("spread", [4, 8])
def test_the_mean_rate_of_known_distributions_is_found(dry, mean, spread):
    random = np.random.default_rng(1)
    dbz = random.normal(mean, spread, 100_000).clip(None, 60)
    dbz[random.random(dbz.size) < dry] = -32
    expected, chances = with_probabilities(dbz)
    truth = ZR_DEFAULT.rain_rate_mm_h(dbz).mean()
    actual = expected_rain_rate(expected, chances, THRESHOLDS, ZR_DEFAULT)[0]
    assert actual == pytest.approx(truth, rel=0.15)
    of_the_mean = ZR_DEFAULT.rain_rate_mm_h(expected)[0]
    assert of_the_mean < 0.9 * truth
    assert abs(actual - truth) < abs(of_the_mean - truth)


def test_certain_faint_rain_keeps_its_rate_and_dry_stays_dry():
    nothing = np.zeros((6, 3))
    rate = expected_rain_rate(
        np.array([0, 12, np.nan], np.float32), nothing, THRESHOLDS, ZR_DEFAULT
    )
    np.testing.assert_allclose(rate, [0, ZR_DEFAULT.rain_rate_mm_h(12), np.nan], rtol=1e-6)


def test_rates_of_a_mixture_are_the_mixture_of_rates():
    certain = np.ones((6, 1))
    certain[3:] = 0  # between 35 and 40 dBZ
    heavy = expected_rain_rate(np.float32([37]), certain, THRESHOLDS, ZR_DEFAULT)
    half = expected_rain_rate(np.float32([0]), certain / 2, THRESHOLDS, ZR_DEFAULT)
    assert ZR_DEFAULT.rain_rate_mm_h(35) < heavy[0] < ZR_DEFAULT.rain_rate_mm_h(40)
    np.testing.assert_allclose(half, heavy / 2, rtol=1e-6)


def test_the_amount_of_a_forecast_adds_its_leads():
    forecast, _ = forecast_of(small_storm(step_minutes=5), probabilities=True)
    amounts = expected_amounts(
        forecast.frames.reflectivity_dbz,
        forecast.exceedance_probability,
        forecast.exceedance_thresholds_dbz,
        forecast.lead_minutes,
        ZR_DEFAULT,
    )
    amount = np.sum(list(amounts), axis=0)
    rates = [
        expected_rain_rate(
            forecast.frames.reflectivity_dbz[lead],
            forecast.exceedance_probability[:, lead],
            forecast.exceedance_thresholds_dbz,
            ZR_DEFAULT,
        )
        for lead in range(10)
    ]
    np.testing.assert_allclose(amount, np.sum(rates, axis=0) / 12, rtol=1e-5)
    assert np.isnan(amount).any()
    assert np.nanmax(amount) > 0
