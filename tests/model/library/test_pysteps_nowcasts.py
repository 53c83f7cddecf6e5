"""The form of pysteps' nowcasts: numbers in and out as its metadata say."""

import numpy as np
import pytest

from echocast import predict
from echocast.model.errors import ContractViolation
from echocast.model.library.pysteps.values import PystepsValues
from echocast.model.synthetic.storms import storm
from echocast.pysteps import forecast

DBZ = {"unit": "dBZ", "transform": "dB", "zerovalue": -32.0, "threshold": 5.0}
RATE = {"unit": "mm/h", "transform": None, "zerovalue": 0.0, "threshold": 0.1}
DBR = {"unit": "mm/h", "transform": "dB", "zerovalue": -15.0, "threshold": -10.0}
AMOUNT = {"unit": "mm", "transform": None, "zerovalue": 0.0, "accutime": 5.0}
GRID = {"timestep": 6, "kmperpixel": 1}


@pytest.fixture(scope="module")
def frames():
    """(11, 64, 72) in dBZ, -32 where dry, NaN where missing."""
    return storm(3, frames=11, height=64, width=72, coverage_radius_km=34).reflectivity_dbz


@pytest.fixture(scope="module")
def future_dbz(frames):
    """What ``predict`` says, NaN where no forecast is possible."""
    dbz = np.where(frames < 5, 0, frames)
    return predict(dbz, step_minutes=6, km_per_pixel=1, leads=3, fill=False)


def test_reflectivity_is_what_predict_says(frames, future_dbz):
    answer = forecast(frames, None, 3, metadata=DBZ, **GRID)
    assert answer.shape == (3, 64, 72)
    assert np.array_equal(np.isnan(answer), np.isnan(future_dbz))
    wet = future_dbz >= 5
    assert wet.any()
    np.testing.assert_array_equal(answer[wet], future_dbz[wet])
    assert (answer[(future_dbz < 5)] == -32).all()


@pytest.mark.parametrize("metadata", [RATE, DBR, AMOUNT])
def test_rain_goes_in_and_out_in_its_own_unit(frames, future_dbz, metadata):
    values = PystepsValues.of_metadata(metadata)
    given = values.of_reflectivity(np.where(frames < 8, 0, frames))  # above each threshold
    answer = forecast(given, None, 3, metadata=metadata, **GRID)
    expected = predict(
        values.reflectivity_dbz(given), step_minutes=6, km_per_pixel=1, leads=3, fill=False
    )
    rain = 10 ** (answer / 10) if metadata is DBR else answer
    rate_mm_h = rain * 12 if metadata is AMOUNT else rain
    heavy = expected > 20
    assert heavy.any()
    np.testing.assert_allclose(200 * rate_mm_h[heavy] ** 1.6, 10 ** (expected[heavy] / 10), 2e-2)
    assert (answer[expected < 5] == metadata["zerovalue"]).all()
    assert np.array_equal(np.isnan(answer), np.isnan(expected))


def test_one_millimetre_an_hour_is_23_dbz():
    values = PystepsValues.of_metadata(RATE)
    dbz = values.reflectivity_dbz([1.0, 0.0, 0.05, np.nan])
    np.testing.assert_allclose(dbz, [23.0103, 0, 0, np.nan], atol=1e-4)
    back = values.of_reflectivity(np.array([23.0103, 0, 1, np.nan], np.float32))
    np.testing.assert_allclose(back, [1, 0, 0, np.nan], atol=1e-4)


def test_a_number_at_the_threshold_is_rain():
    assert PystepsValues.of_metadata(DBR).reflectivity_dbz([-10.0])[0] == pytest.approx(7.0103)


def test_a_relation_of_the_metadata_is_used():
    values = PystepsValues.of_metadata({**RATE, "zr_a": 316.0, "zr_b": 1.5})
    assert values.reflectivity_dbz([1.0])[0] == pytest.approx(10 * np.log10(316), abs=1e-4)


def test_chosen_steps_are_those_of_all(frames):
    every = forecast(frames, None, 3, metadata=DBZ, **GRID)
    chosen = forecast(frames, None, [1, 3.0], metadata=DBZ, **GRID)
    np.testing.assert_array_equal(chosen, every[[0, 2]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"precip": np.zeros((64, 64))}, "the last ten frames"),
        ({"precip": np.zeros((9, 64, 64))}, "at least 10|10 frames|ten"),
        ({"timesteps": [0.5, 1]}, "whole numbers"),
        ({"timesteps": []}, "whole numbers"),
        ({"timesteps": 0}, "whole numbers"),
        ({"timesteps": 25}, "1 to 24"),
        ({"metadata": {**DBZ, "unit": "dBR"}}, "'dBR'"),
        ({"metadata": {**RATE, "transform": "boxcox"}}, "boxcox"),
        ({"metadata": {"unit": "mm/h"}}, "'zerovalue'"),
        ({"metadata": {**AMOUNT, "accutime": None}}, "'accutime'"),
    ],
)
def test_what_is_refused(change, message):
    given = {"precip": np.zeros((10, 64, 64)), "timesteps": 3, "metadata": DBZ, **change}
    with pytest.raises(ContractViolation, match=message):
        forecast(given.pop("precip"), None, given.pop("timesteps"), **given, **GRID)
